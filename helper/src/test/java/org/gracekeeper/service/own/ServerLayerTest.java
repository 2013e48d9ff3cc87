// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.release.FakeServers;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerLayerTest {
    @TempDir
    private Path dir;

    private final NodeLockd lockd = mock(NodeLockd.class);
    private final ServerLook look = mock(ServerLook.class);
    private final ServerPing ping = mock(ServerPing.class);
    private final Recovery recovery = mock(Recovery.class);
    private Operation operation;
    private RecordsLayer records;
    private ServerLayer layer;

    @BeforeEach
    void aServiceWithAClient() throws Exception {
        Kernel kernel = LinuxKernel.load();
        Node node = mock(Node.class);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        records = new RecordsLayer(new Node(kernel, null), new DurableFiles(kernel));
        layer = new ServerLayer(node, mock(NfsdFs.class), lockd, mock(LeaseGuard.class), look, ping, recovery);
        operation = TestService.operation(TestService.at(dir, "versions", "4.1 4.2"), new ArrayList<>());
        TestService.withClient(operation.state());
        records.up(operation);
    }

    private void sql(String statements) throws IOException {
        TestService.sql(operation.state(), statements);
    }

    private void isRefused() {
        OcfException e = assertThrows(OcfException.class, () -> layer.up(operation));
        assertTrue(e.getMessage().contains("did not find nfsdcld"), e.getMessage());
    }

    /** What nfsdcld does when nfsd asks it (sqlite_grace_start). */
    private void nfsdcldIsAsked(String statements) throws Exception {
        doAnswer(call -> {
            sql(statements);
            return null;
        }).when(lockd).whileSet(any(), any());
    }

    /** It refuses every NFSv4 reclaim otherwise: such a start must not go on. */
    @Test
    void nfsdMustHaveFoundNfsdcld() throws Exception {
        isRefused();
        nfsdcldIsAsked("CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "UPDATE grace SET current = 2, recovery = 1;");
        layer.up(operation);
    }

    /** The start before did not come to the end of its recovery: that one is under way, whether nfsdcld hears of this start or not. */
    @Test
    void alsoWhereARecoveryGoesOn() throws Exception {
        sql("CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "UPDATE grace SET current = 2, recovery = 1;");
        records.opens(operation.state());
        records.up(operation);
        isRefused();
        nfsdcldIsAsked("DELETE FROM \"rec-0000000000000002\"");
        layer.up(operation);
    }

    @Test
    void itsThreadsAreLookedAtWithoutWaitingForAnotherServer() throws Exception {
        Optional<String> stopped = Optional.of("nfsd has no threads: somebody stopped it");
        when(look.runs(operation.instance().inside()))
                .thenReturn(Optional.of(true)).thenReturn(Optional.of(false)).thenReturn(Optional.empty());
        when(ping.isGone(operation)).thenReturn(false, true);
        when(look.remark()).thenReturn(Optional.of("held up"));
        assertEquals(Optional.empty(), layer.check(operation));
        assertEquals(stopped, layer.check(operation));
        assertEquals(Optional.empty(), layer.check(operation), "it listens");
        assertEquals(stopped, layer.check(operation));
        assertEquals(Optional.of("held up"), layer.remark(operation));
    }

    /** So nfsdcld is not asked for. */
    private static void noGraceOn(Kernel kernel, Node node) throws Exception {
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(2).call());
        when(node.in(any(), any())).thenReturn(true);
    }

    /** lockd's goes on while nfsdcld waits for its disk. */
    @Test
    void graceCountsFromBeforeTheFirstThread() throws Exception {
        Node node = mock(Node.class);
        NfsdFs nfsd = mock(NfsdFs.class);
        AtomicReference<Double> clock = new AtomicReference<>(50.0);
        noGraceOn(mock(Kernel.class), node);
        when(node.bootSeconds()).thenAnswer(call -> clock.get());
        doAnswer(call -> {
            clock.set(60.0); // another service's start had its turn
            call.<NodeLockd.Start>getArgument(1).run(90);
            return null;
        }).when(lockd).whileSet(any(), any());
        doAnswer(call -> {
            clock.set(140.0);
            return null;
        }).when(nfsd).setThreads(anyInt());
        OcfException tooLate = new OcfException(OcfCode.GENERIC, "too late");
        doThrow(tooLate).when(recovery).requireTime(operation.service().started(60.0));

        assertEquals(tooLate, assertThrows(OcfException.class,
                () -> new ServerLayer(node, nfsd, lockd, mock(LeaseGuard.class), look, ping, recovery).up(operation)));
    }

    private static final String V4 = "0.0.0.0";
    private static final String V6 = "::";

    /** What nfsd gets to listen on, on a node whose kernel answers for a family that it does not have as {@code errno} says. */
    private List<Integer> listensWithout(String any, int errno) throws Exception {
        List<Integer> listens = new ArrayList<>();
        Kernel kernel = mock(Kernel.class);
        Node node = mock(Node.class);
        NfsdFs nfsd = mock(NfsdFs.class);
        noGraceOn(kernel, node);
        when(kernel.listenTcp(InetAddress.getByName(V4), RpcClient.NFS_PORT)).thenReturn(4);
        when(kernel.listenTcp(InetAddress.getByName(V6), RpcClient.NFS_PORT)).thenReturn(6);
        when(kernel.listenTcp(InetAddress.getByName(any), RpcClient.NFS_PORT)).thenThrow(KernelException.of("socket", any, errno));
        doAnswer(call -> listens.add(call.getArgument(0))).when(nfsd).addListener(anyInt());
        doAnswer(call -> {
            call.<NodeLockd.Start>getArgument(1).run(90);
            return null;
        }).when(lockd).whileSet(any(), any());
        new ServerLayer(node, nfsd, lockd, mock(LeaseGuard.class), look, ping, recovery).up(operation);
        verify(nfsd).setThreads(operation.service().config().threads());
        return listens;
    }

    @Test
    void aNodeThatWasBootedWithoutIpv6ServesIpv4() throws Exception {
        assertEquals(List.of(4), listensWithout(V6, Errno.EAFNOSUPPORT));
        assertThrows(KernelException.class, () -> listensWithout(V6, Errno.EADDRINUSE));
        assertThrows(KernelException.class, () -> listensWithout(V4, Errno.EAFNOSUPPORT));
    }

    /** Before 6.3 locks stay where the kernel is not told of the file system, and go on the one below where it is not mounted. */
    @Test
    void locksAreReleasedWhereTheServiceHasThemOnly() throws Exception {
        FakeServers fake = new FakeServers(dir);
        Path here = fake.mounted("here", FakeServers.HERE);
        Path there = fake.mounted("there", FakeServers.THERE);
        Path link = Files.createSymbolicLink(dir.resolve("link"), there);
        when(fake.kernel.deviceOf(any())).thenReturn(254L << 8);
        Operation stop = TestService.operation(TestService.exporting(TestService.at(dir),
                List.of(FakeServers.HERE, FakeServers.THERE), here, link, there, dir.resolve("gone")), new ArrayList<>());
        ServerLayer server = new ServerLayer(fake.node, fake.nfsd, lockd, mock(LeaseGuard.class), look, ping, recovery);

        server.unlockFileSystems(stop, true);
        assertEquals(List.of("unlock_filesystem " + here, "unlock_filesystem " + there), fake.writes);

        fake.writes.clear();
        fake.unmount(here);
        server.unlockFileSystems(stop, true);
        assertEquals(List.of("unlock_filesystem " + there), fake.writes);
    }

    /** The mount table has a number of its own for those. */
    @Test
    void alsoInSubvolumesOfBtrfs() throws Exception {
        FakeServers fake = new FakeServers(dir);
        Path here = fake.mounted("here", FakeServers.THERE);
        when(fake.kernel.deviceOf(here)).thenReturn(254L << 8 | 16);
        Operation stop = TestService.operation(
                TestService.exporting(TestService.at(dir), List.of(FakeServers.HERE), here), new ArrayList<>());

        new ServerLayer(fake.node, fake.nfsd, lockd, mock(LeaseGuard.class), look, ping, recovery).unlockFileSystems(stop, true);

        assertEquals(List.of("unlock_filesystem " + here), fake.writes);
    }
}
