// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.argThat;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.spy;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.mockito.InOrder;

class SnapshotLayerTest {
    private static final TcpPeer BEFORE = TcpPeer.parse("192.0.2.1:2049 192.0.2.20:700").orElseThrow();
    private static final TcpPeer NOW = TcpPeer.parse("192.0.2.1:2049 192.0.2.21:817").orElseThrow();

    @TempDir
    private Path dir;

    private final Kernel kernel = mock(Kernel.class);
    private final Node node = mock(Node.class);
    private final NfsdFs nfsd = mock(NfsdFs.class);
    private final ServiceLink link = mock(ServiceLink.class);
    private final RecordsLayer records = mock(RecordsLayer.class);
    private final Recovery recovery = mock(Recovery.class);
    private final Holdings holdings = mock(Holdings.class);
    private final Registry registry = mock(Registry.class);
    private final LedgerStore ledgers = mock(LedgerStore.class);
    private final PeerList peers = new PeerList(new DurableFiles(LinuxKernel.load()));
    private RunningService service;
    private SnapshotLayer layer;

    @BeforeEach
    void aServiceThatWasShut() throws Exception {
        service = spy(TestService.at(dir).started(5).withOpened().withRecovered());
        Instance instance = spy(new Instance(service.config().name()));
        when(service.instance()).thenReturn(instance);
        when(instance.mountPin()).thenReturn(Files.createFile(dir.resolve("pin")));
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(kernel.read(any(), anyInt())).thenReturn(("  sl  local_address rem_address   st\n"
                + "   0: 010200C0:0801 150200C0:0331 01 00000000:00000000\n").getBytes(StandardCharsets.US_ASCII));
        when(link.shut(any())).thenReturn(true);
        when(nfsd.threads()).thenReturn(8);
        when(recovery.grace(any())).thenReturn(new Recovery.Grace(false, false));
        peers.save(service.state(), List.of(BEFORE), true);
        layer = new SnapshotLayer(node, registry, link, nfsd, records, recovery, holdings,
                ledgers, peers, mock(Reserve.class));
    }

    private List<TcpPeer> peersAfterStopOf(RunningService stopped) throws Exception {
        layer.down(TestService.operation(stopped, new ArrayList<>()));
        return peers.read(service.state());
    }

    @Test
    void theLastStopKnowsTheConnectionsOfAServerThatServed() throws Exception {
        assertEquals(List.of(NOW), peersAfterStopOf(service));
    }

    @Test
    void aStopOfAServerThatIsStoppedLeavesTheConnectionsOfBefore() throws Exception {
        when(nfsd.threads()).thenReturn(0);
        assertEquals(List.of(BEFORE), peersAfterStopOf(service));
        verify(recovery, never()).recordNobodyElse(any());
    }

    @Test
    void aStopOfAStartThatNeverLetAnybodyThroughLeavesThem() throws Exception {
        when(service.opened()).thenReturn(false);
        assertEquals(List.of(BEFORE), peersAfterStopOf(service));
    }

    @Test
    void aStopInARecoveryAddsToThem() throws Exception {
        when(service.recovered()).thenReturn(false);
        assertEquals(List.of(BEFORE, NOW), peersAfterStopOf(service));
    }

    /** Expiry can hang in the kernel, and the stop then goes on to what makes statd forget everybody. */
    @Test
    void allIsKeptBeforeAnIdleClientIsExpired() throws Exception {
        Nfs4Client idle = new Nfs4Client(1, "192.0.2.21:817", "confirmed", new byte[] {'a'}, 1, List.of(), "5", 0, "UP", 0);
        when(holdings.clients(any())).thenReturn(List.of(idle));
        when(holdings.fileSystems(any())).thenReturn(new FileSystems(Map.of(), true));
        when(holdings.allLocks(any())).thenReturn(new Holdings.Locks(List.of(), List.of()));
        when(registry.generation(any())).thenReturn(OptionalLong.of(3));
        new ObjectMapper().writeValue(service.state().record().toFile(),
                new Claim(1, "web", "web", "node1", "boot", 3, 90, 90, false));

        layer.down(TestService.operation(service, new ArrayList<>()));

        InOrder order = inOrder(records, recovery, ledgers, nfsd);
        order.verify(records).gather(service.state());
        order.verify(recovery).recordHolders(service);
        order.verify(recovery).recordNobodyElse(service);
        order.verify(ledgers).write(any(), any());
        order.verify(nfsd).expireClient(idle);
        verify(nfsd).expireClient(idle);
    }

    /** An ended host that was restarted has to be in what the stop gathers. */
    @Test
    void whoIsBackIsLookedForBeforeTheRecordsAreGathered() throws Exception {
        layer.down(TestService.operation(service, new ArrayList<>()));
        InOrder order = inOrder(records);
        order.verify(records).returned(any(), argThat(now -> now.contains(NOW)));
        order.verify(records).gather(service.state());
    }

    @Test
    void connectionsAreKeptAlsoWhenARecordCannotBePutBack() throws Exception {
        doThrow(new IOException("disk full")).when(records).returned(any(), any());
        assertThrows(IOException.class, () -> peersAfterStopOf(service));
        assertEquals(List.of(NOW), peers.read(service.state()));
        verify(records).gather(service.state());
    }

    /** As {@link Files#list} does where a disk does not answer. */
    @Test
    void noErrorOfOneStepKeepsAnyOtherFromWhatLocksDependOn() throws Exception {
        doThrow(new UncheckedIOException(new IOException("bad sector"))).when(records).returned(any(), any());
        assertThrows(IOException.class, () -> peersAfterStopOf(service));
        verify(records).gather(service.state());
        verify(recovery).recordHolders(service);
    }

    /** Else a start without a ledger would take it that nobody had locks, and end grace at once. */
    @Test
    void thatHostsCouldNotBeGatheredIsNoted() throws Exception {
        layer.down(TestService.operation(service, new ArrayList<>()));
        verify(records, never()).mayLackHosts(any());
        doThrow(new IOException("bad sector")).when(records).gather(any());
        assertThrows(IOException.class, () -> peersAfterStopOf(service));
        verify(records).mayLackHosts(service.state());
    }

    /** What an earlier run left behind is no reason for the stop of a start that failed to fail. */
    @Test
    void aServiceWithoutANetworkIsNotAskedForItsConnections() throws Exception {
        when(service.opened()).thenReturn(false);
        Files.delete(dir.resolve("pin"));
        doThrow(new IOException("no such namespace")).when(node).in(any(), any());
        layer.down(TestService.operation(service, new ArrayList<>()));
        verify(records, never()).returned(any(), any());
        verify(records).gather(service.state());
    }

    private List<String> saidByAStartThat(LedgerStore.Found found) throws Exception {
        when(ledgers.find(any())).thenReturn(found);
        List<String> said = new ArrayList<>();
        layer.up(TestService.withLevels(service, said));
        return said;
    }

    @Test
    void thatThereIsNoLedgerIsAWarningUnlessThereCanBeNone() throws Exception {
        assertEquals(List.of("WARN recovering without a ledger: cut short"),
                saidByAStartThat(new LedgerStore.Found(Optional.empty(), "cut short", false)));
        assertEquals(List.of("INFO recovering without a ledger: the first start"),
                saidByAStartThat(new LedgerStore.Found(Optional.empty(), "the first start", true)));
    }

    @Test
    void nlmLocksOfWhichNobodyCanBeToldAreAWarning() throws Exception {
        Ledger ledger = new Ledger("web", 2, "web", 90, 90, "", "",
                List.of(new Range("/srv/a", 12, LockLine.Access.WRITE, 0, 9, 1)), List.of(), List.of());
        LedgerStore.Found found = new LedgerStore.Found(Optional.of(ledger), "", false);
        String info = "INFO to come back: 1 NLM locks, the state of 0 NFSv4 clients";
        assertEquals(List.of(info, "WARN no NFSv3 host is recorded that could be notified: these NLM locks are lost, and new"
                + " locks wait for the full grace time"), saidByAStartThat(found));
        when(records.recoverySet(any())).thenReturn(List.of("192.0.2.21"));
        assertEquals(List.of(info), saidByAStartThat(found));
    }

    @Test
    void aLookLeavesThem() throws Exception {
        layer.check(TestService.operation(service, new ArrayList<>()));
        assertEquals(List.of(BEFORE), peers.read(service.state()));
        layer.tend(TestService.operation(service, new ArrayList<>()));
        assertEquals(List.of(NOW), peers.read(service.state()));
    }
}
