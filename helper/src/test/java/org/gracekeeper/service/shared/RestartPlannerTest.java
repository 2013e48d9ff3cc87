// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doReturn;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.state.RunningService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartPlannerTest {
    @TempDir
    private Path dir;

    private FakeRestart node;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        node = new FakeRestart(dir);
    }

    @Test
    void whatIsKnownBefore() throws Exception {
        RunningService open = node.service("db").started(5).withOpened();
        node.here.add(open);
        node.here.add(node.service("slow"));

        RestartPlan plan = node.planner.plan(List.of(node.arriving("web", "")));

        assertEquals(new RestartPlan(new RestartState.Unfinished(8, null), false, List.of(), List.of(open),
                NsmState.read(node.number).orElseThrow()), plan);
        assertEquals(List.of("db is recorded"), node.done);
    }

    @Test
    void anNfsdThatDoesNotRunIsNotStarted() throws Exception {
        node.fake.threads(0);
        IOException e = assertThrows(IOException.class, () -> node.planner.plan(List.of(node.arriving("web", ""))));
        assertTrue(e.getMessage().contains("start nfs-server.service"), e.getMessage());
        assertEquals(Optional.empty(), NsmState.read(node.number));
    }

    /** A restart with no threads could never be finished, and would keep every service from starting. */
    @Test
    void anNfsdThatIsStoppedMeanwhileIsNotRestarted() throws Exception {
        node.here.add(node.service("db").started(5).withOpened());
        node.onRecord = () -> node.fake.threads(0);

        assertThrows(IOException.class, () -> node.planner.plan(List.of(node.arriving("web", ""))));

        assertEquals(List.of("db is recorded"), node.done);
    }

    @Test
    void aNodeWithMountsOverNfsv3CannotGetAGracePeriod() throws Exception {
        doReturn("server:/x /mnt nfs rw,vers=3,local_lock=none 0 0\n".getBytes(StandardCharsets.US_ASCII))
                .when(node.fake.kernel).read(eq(Path.of("/proc/1/mounts")), anyInt());

        IOException e = assertThrows(IOException.class, () -> node.planner.admit(node.arriving("web", "")));

        assertTrue(e.getMessage().contains("/mnt"), e.getMessage());
        node.planner.admit(new ArrivingService(node.operation("db"), List.of("6161"), "", false));
        node.planner.plan(List.of(node.arriving("web", ""))); // one that came before the mount: no reason for others to fail
    }

    @Test
    void clientsThatCannotBeRecordedAreAReasonNotToStopIt() throws Exception {
        IOException e = assertThrows(IOException.class,
                () -> node.planner.plan(List.of(node.arriving("web", "other-boot", "6161"))));
        assertTrue(e.getMessage().contains("nfsdcld"), e.getMessage());
    }

    @Test
    void nfsdStartsUnderTheNameThatServicesHave() throws Exception {
        ArrivingService named = new ArrivingService(node.operation("web", "scope", "one-name"), List.of(), "", true);
        assertEquals("one-name", RestartPlan.scope(List.of(named), List.of()));
        assertEquals("one-name", RestartPlan.scope(List.of(), List.of(named.operation().service())));
        assertNull(RestartPlan.scope(List.of(node.arriving("db", "")), List.of()), "the node's own");
    }
}
