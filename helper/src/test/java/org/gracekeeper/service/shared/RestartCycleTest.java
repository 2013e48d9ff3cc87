// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.task.Step;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartCycleTest {
    private static final RestartState.Unfinished RESTART = new RestartState.Unfinished(8, null);

    @TempDir
    private Path dir;

    private FakeRestart node;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        node = new FakeRestart(dir);
    }

    private void run(boolean doorsMatter) throws IOException, InterruptedException {
        node.cycle.run(RESTART, List.of(), doorsMatter, () -> { });
    }

    @Test
    void theLastLookIsWhenNobodyComesAnyMore() throws Exception {
        node.cycle.run(RESTART, List.of(), true, () -> node.done.add("last look"));
        assertEquals(List.of("doors shut", "last look", "rpc.nfsd 0", "rpc.nfsd 8", "doors open"), node.done);
    }

    @Test
    void aLastLookThatFailsIsAReasonWhereClientsReclaim() throws Exception {
        Step fails = () -> {
            throw new IOException("disk full");
        };
        IOException e = assertThrows(IOException.class, () -> node.cycle.run(RESTART, List.of(), true, fails));
        assertTrue(e.getMessage().contains("disk full"), e.getMessage());
        assertEquals(List.of("doors shut", "doors open"), node.done);
        assertFalse(node.state.isUnfinished());

        node.cycle.run(RESTART, List.of(), false, fails);
        assertTrue(node.done.contains("rpc.nfsd 8"), node.done.toString());
    }

    @Test
    void itIsUnfinishedUntilHostsHaveBeenTold() throws Exception {
        run(true);

        assertEquals(List.of("doors shut", "rpc.nfsd 0", "rpc.nfsd 8", "doors open"), node.done);
        assertEquals(Optional.of(RESTART), node.state.unfinished());
        assertEquals(100, node.server.startedAt());
    }

    @Test
    void aStopThatFailsIsNoRestart() throws Exception {
        node.refused = "0";

        IOException e = assertThrows(IOException.class, () -> run(true));

        assertTrue(e.getMessage().contains("no memory"), e.getMessage());
        assertEquals(List.of("doors shut", "doors open"), node.done);
        assertFalse(node.state.isUnfinished());
    }

    @Test
    void aStopThatSucceedsAfterItsTimeIsOne() throws Exception {
        node.late = "0";

        run(true);

        assertEquals(List.of("doors shut", "rpc.nfsd 0", "rpc.nfsd 8", "doors open"), node.done);
    }

    @Test
    void lockdsPortOfIpv6IsShutToo() throws Exception {
        node.cycle.run(RESTART, List.of(), true, () ->
                assertTrue(node.rules.contains("tcp dport { 2049 } drop\ntcp dport { 40961 } drop\n"), node.rules));
        assertFalse(node.rules.contains("drop"), node.rules);
    }

    @Test
    void doorsThatStayOpenAreAReasonWhereClientsReclaim() throws Exception {
        when(node.fake.node.commands()).thenReturn((timeout, stdin, argv) ->
                new CommandResult(argv, stdin.contains("chain") ? 1 : 0, "", "no nft", Duration.ZERO, false));

        assertThrows(IOException.class, () -> run(true));
        assertEquals(List.of(), node.done);
        assertFalse(node.state.isUnfinished());

        run(false);
        assertEquals(List.of("rpc.nfsd 0", "rpc.nfsd 8"), node.done);
    }

    @Test
    void doorsThatCannotBeUsedAtAllDoNotKeepAStopFromItsRestart() throws Exception {
        when(node.fake.node.commands()).thenReturn((timeout, stdin, argv) ->
                new CommandResult(argv, 1, "", "no nft", Duration.ZERO, false));

        run(false);
        assertEquals(List.of("rpc.nfsd 0", "rpc.nfsd 8"), node.done);

        IOException e = assertThrows(IOException.class, () -> run(true));
        assertTrue(e.getMessage().contains("was not restarted") && e.getMessage().contains("no nft"), e.getMessage());
        assertThrows(IOException.class, () -> node.cycle.start(RESTART, true), "those of a helper before may be shut");
    }

    /** Its hosts have been told of the one before, by the emergency stop. */
    @Test
    void anNfsdThatRunsAfterAllIsANewOne() throws Exception {
        node.state.begin(RESTART);
        Files.createFile(dir.resolve("restart/told"));
        node.fake.threads(0);
        node.late = "8";

        node.cycle.start(RESTART, true);

        assertFalse(node.state.isTold());
        assertEquals(100, node.server.startedAt());
    }

    @Test
    void whatDoesNotStartStaysUnfinished() throws Exception {
        node.refused = "8";

        IOException e = assertThrows(IOException.class, () -> run(true));

        assertTrue(e.getMessage().contains("rpc.nfsd 8"), e.getMessage());
        assertEquals(List.of("doors shut", "rpc.nfsd 0"), node.done);
        assertTrue(node.state.isUnfinished());
    }
}
