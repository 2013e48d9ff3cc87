// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.release.FakeServers;
import org.gracekeeper.service.release.NlmRelease;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedReleaseTest {
    @TempDir
    private Path dir;

    private final ServerRestart restart = mock(ServerRestart.class);
    private final List<String> said = new ArrayList<>();
    private FakeServers fake;
    private Path here;
    private SharedRelease release;

    @BeforeEach
    void aNodeWithAnNfsd() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        here = fake.mounted("here", FakeServers.HERE);
        fake.mounted("there", FakeServers.THERE);
        when(fake.registry.ownAddresses(any())).thenAnswer(call -> call.<RunningService>getArgument(0).config().addresses());
        when(fake.node.apart(any())).thenAnswer(call -> call.<Callable<?>>getArgument(0).call());
        when(fake.holdings.clients(any())).thenAnswer(call -> fake.nfsd.clients());
        fake.effect = (file, text) -> {
            if (file.equals("unlock_filesystem")) {
                fake.nlm.removeIf(line -> line.dev().equals(FakeServers.HERE));
            } else if (file.endsWith("/ctl")) {
                forget(file.split("/")[1]);
            }
        };
        release = new SharedRelease(fake.node, fake.nfsd, fake.holdings, new NlmRelease(fake.node, fake.nfsd), restart,
                fake.registry);
    }

    private void forget(String number) throws IOException {
        Path directory = fake.root.resolve("clients").resolve(number);
        Files.delete(directory.resolve("info"));
        Files.delete(directory.resolve("states"));
        Files.delete(directory);
    }

    private Operation operation(String grace) throws Exception {
        return operation(grace, here);
    }

    private Operation operation(String grace, Path exported) throws Exception {
        RunningService service = TestService.exporting(TestService.at(dir, "instance", "node", "grace", grace),
                List.of(FakeServers.HERE), exported).started(5).withOpened().withRecovered();
        return TestService.operation(service, said, Deadline.after(Duration.ofSeconds(4)));
    }

    @Test
    void whatIsItsOwnGoesAndNothingElse() throws Exception {
        fake.nlm.add(FakeServers.nlm(FakeServers.HERE, 1, 0));
        fake.nlm.add(FakeServers.nlm(FakeServers.THERE, 2, 0));
        fake.client(7, "192.0.2.7:700", FakeServers.open(1, FakeServers.HERE, 1));
        fake.client(8, "192.0.2.8:700", FakeServers.open(2, FakeServers.THERE, 2));

        release.release(operation("none"));

        assertEquals(List.of("unlock_ip 192.0.2.1", "clients/7/ctl expire", "unlock_filesystem " + here), fake.writes);
        assertEquals(List.of(FakeServers.nlm(FakeServers.THERE, 2, 0)), fake.nlm);
        verify(restart, never()).now(any());
        assertTrue(said.contains("unlock_ip left 1 of 1 NLM locks and waiters: the kernel does nothing with it, or they came"
                + " through other addresses"), said.toString());
        assertTrue(said.contains("seen: 1 of 1 NLM locks and waiters, 1 of 1 NFSv4 states, 0 of 0 NFSv4 locks are gone"),
                said.toString());
    }

    @Test
    void theNlmPartIsWrittenWhereThereIsNoNfsdWhoseStateItWouldRevoke() throws Exception {
        fake.nlm.add(FakeServers.nlm(FakeServers.HERE, 1, 0));
        FakeServers.Effect kernel = fake.effect;
        fake.effect = (file, text) -> {
            kernel.of(file, text);
            if (file.equals("unlock_filesystem")) {
                throw KernelException.of("write", file, Errno.EINVAL); // as from 6.9 on, when the locks are gone
            }
        };

        release.release(operation("none"));

        verify(fake.node).apart(any());
        verify(fake.kernel).mount(eq("nfsd"), eq(MountNamespace.NFSD), eq("nfsd"), eq(0L), any());
    }

    private void aClientOfBoth() throws IOException {
        fake.client(9, "192.0.2.9:700", FakeServers.open(1, FakeServers.HERE, 1), FakeServers.open(2, FakeServers.THERE, 2));
    }

    @Test
    void aClientWithStateElsewhereIsNeverEndedAsAWhole() throws Exception {
        aClientOfBoth();
        fake.effect = (file, text) -> {
            if (file.equals("unlock_filesystem")) {
                fake.client(9, "192.0.2.9:700", FakeServers.open(2, FakeServers.THERE, 2));
            }
        };

        release.release(operation("none"));

        assertEquals(List.of("unlock_ip 192.0.2.1", "unlock_filesystem " + here), fake.writes);
        verify(fake.node, never()).apart(any());
        assertTrue(said.stream().anyMatch(line -> line.contains("grace=restart avoids that")), said.toString());
    }

    @Test
    void withARestartItReclaimsWhatItHasElsewhere() throws Exception {
        aClientOfBoth();
        doAnswer(call -> {
            forget("9");
            return null;
        }).when(restart).now(any());

        release.release(operation("restart"));

        assertEquals(List.of("unlock_ip 192.0.2.1"), fake.writes);
    }

    @Test
    void aKernelThatCannotRevokeAPartTakesARestart() throws Exception {
        fake.release = "6.1.0-40-cloud-amd64";
        aClientOfBoth();
        doAnswer(call -> {
            forget("9");
            return null;
        }).when(restart).now(any());

        release.release(operation("none"));

        verify(restart).now(any());
        assertTrue(said.stream().anyMatch(line -> line.contains("nfsd has to restart")), said.toString());
    }

    @Test
    void whatIsLeftIsAnError() throws Exception {
        fake.nlm.add(FakeServers.nlm(FakeServers.HERE, 1, 0));
        fake.effect = (file, text) -> { };

        IOException e = assertThrows(IOException.class, () -> release.release(operation("none")));

        assertTrue(e.getMessage().startsWith("1 locks and opens of NFS clients are still there"), e.getMessage());
    }

    @Test
    void aRestartThatFailsLeavesTheRestDone() throws Exception {
        fake.release = "6.1.0-40-cloud-amd64";
        aClientOfBoth();
        fake.client(7, "192.0.2.7:700", FakeServers.open(1, FakeServers.HERE, 1));
        doThrow(new IOException("does not start again")).when(restart).now(any());

        assertThrows(IOException.class, () -> release.release(operation("restart")));

        assertTrue(fake.writes.contains("clients/7/ctl expire"));
    }

    /** NLM locks that others' clients take through an address that is not the service's. */
    @Test
    void nothingIsReleasedByAnAddressOfOthers() throws Exception {
        doReturn(List.of()).when(fake.registry).ownAddresses(any());

        release.release(operation("none"));

        assertTrue(fake.writes.stream().noneMatch(write -> write.startsWith("unlock_ip")), fake.writes.toString());
    }

    /** The kernel does not follow it: the file system that it lies on has locks of others. */
    @Test
    void anExportThatIsALinkIsReleasedWhereItLeads() throws Exception {
        fake.nlm.add(FakeServers.nlm(FakeServers.HERE, 1, 0));

        release.release(operation("none", Files.createSymbolicLink(dir.resolve("link"), here)));

        assertEquals(List.of("unlock_ip 192.0.2.1", "unlock_filesystem " + here), fake.writes);
    }
}
