// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.release.FakeServers;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerRestartTest {
    /** Larger than any that the clock gives. */
    private static final NsmState BEFORE = new NsmState(2_000_000_001);

    @TempDir
    private Path dir;

    private FakeRestart node;
    private ServerRestart restart;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        node = new FakeRestart(dir);
        restart = node.restart;
    }

    private void countedSoFar(NsmState number) throws IOException {
        Files.createDirectories(node.number.getParent());
        Files.write(node.number, number.bytes());
    }

    @Test
    void othersAreRecordedBeforeAndToldAfterwards() throws Exception {
        node.here.add(node.service("db").started(5).withOpened().withRecovered());

        restart.join(node.operation("web"));

        node.awaitEnd();
        assertEquals(List.of("db is recorded", "doors shut", "rpc.nfsd 0", "rpc.nfsd 8", "doors open", "db recovers: true",
                "notified"), node.done);
    }

    /** They would get locks of NFSv4 clients, who reclaim them afterwards. */
    @Test
    void nobodyWaitsForALockWhileNfsdStops() throws Exception {
        node.fake.exported();
        node.fake.mounted("data", FakeServers.THERE);
        node.fake.mounted("other", FakeServers.HERE);
        node.fake.nlm.add(FakeServers.nlmWaiter(FakeServers.THERE, 1));
        node.fake.nlm.add(FakeServers.nlm(FakeServers.HERE, 1, 0));

        restart.join(node.operation("web"));

        node.awaitEnd();
        assertEquals(List.of("doors shut", "NLM: data", "rpc.nfsd 0", "rpc.nfsd 8"), node.done.subList(0, 4));
    }

    /** It is in no grace afterwards. */
    @Test
    void locksStayWhereLockdDoes() throws Exception {
        node.fake.exported();
        node.fake.mounted("data", FakeServers.THERE);
        node.fake.nlm.add(FakeServers.nlmWaiter(FakeServers.THERE, 1));
        doReturn("server:/x /mnt nfs rw,vers=3,local_lock=none 0 0\n".getBytes(StandardCharsets.US_ASCII))
                .when(node.fake.kernel).read(eq(Path.of("/proc/1/mounts")), anyInt());

        restart.now(node.operation("web"));

        node.awaitFinished();
        assertEquals(List.of("doors shut", "rpc.nfsd 0", "rpc.nfsd 8"), node.done.subList(0, 3));
    }

    @Test
    void whereNobodyIsKnownNothingIsDone() throws Exception {
        Operation web = node.operation("web");
        Files.delete(web.state().nsm().resolve("192.0.2.7"));

        restart.join(web);

        assertEquals(List.of(), node.done);
    }

    @Test
    void anNfsdThatIsStoppedIsStartedWhoeverGivesUp() throws Exception {
        node.refused = "8";
        Operation web = node.operation("web");
        Thread waiting = new Thread(() -> {
            try {
                restart.now(web);
            } catch (IOException | InterruptedException e) {
                node.said.add(e.toString());
            }
        });
        waiting.start();
        node.await(() -> node.done.contains("rpc.nfsd 0"));
        waiting.interrupt();
        waiting.join();
        node.refused = "";

        node.awaitEnd();
        assertTrue(node.done.contains("rpc.nfsd 8"), node.done.toString());
    }

    @Test
    void clientsAreRecordedBeforeNfsdStops() throws Exception {
        node.createDatabase();
        node.fake.client(7, "192.0.2.71:700", FakeServers.open(1, FakeServers.THERE, 1));
        Operation web = node.operation("web");
        Files.writeString(web.state().clients(), "6161");

        restart.join(web);

        node.awaitEnd();
        assertTrue(node.recordedAtStop.containsAll(Set.of("6161", "6337")), node.recordedAtStop.toString());
        // This nfsd has not asked for them.
        assertTrue(node.said.stream().anyMatch(line -> line.contains("did not find nfsdcld")), node.said.toString());
    }

    /** Of those that came with the service, and of those that never come, nfsd's next start would wait for each. */
    @Test
    void ofARestartThatIsGivenUpNoClientStaysRecorded() throws Exception {
        node.createDatabase();
        node.fake.client(7, "192.0.2.71:700", FakeServers.open(1, FakeServers.THERE, 1));
        node.refused = "0";
        Operation web = node.operation("web");
        Files.writeString(web.state().clients(), "6161\n6338");
        node.atDoors = () -> node.fake.client(8, "192.0.2.72:700");

        assertThrows(IOException.class, () -> restart.join(web));

        assertEquals(Set.of("6337", "6338"), node.recorded(), "those that nfsd has stay");
        assertFalse(node.state.hasRecorded());
    }

    @Test
    void norOfOneThatNfsdIsGoneBefore() throws Exception {
        node.createDatabase();
        Operation web = node.operation("web");
        Files.writeString(web.state().clients(), "6161");
        node.here.add(node.service("db").started(5).withOpened().withRecovered());
        node.onRecord = () -> node.fake.threads(0);

        assertThrows(IOException.class, () -> restart.join(web));

        assertTrue(node.recorded().contains("6161"), "who of them has come cannot be told while it does not run");
        node.fake.threads(8);
        restart.finish(Deadline.after(FakeRestart.PATIENCE));
        assertEquals(Set.of(), node.recorded());
        assertFalse(node.state.hasRecorded());
    }

    /** Before it is written down that nfsd is about to be stopped, and after that. */
    @Test
    void norOfOneWhoseHelperIsKilledBeforeNfsdStops() throws Exception {
        node.createDatabase();
        for (boolean begun : new boolean[] {false, true}) {
            RestartPlan plan = node.planner.plan(List.of(node.arriving("web", "", "6161")));
            assertTrue(node.recorded().contains("6161"), node.recorded().toString());
            if (begun) {
                node.state.begin(plan.start());
            }

            restart.finish(Deadline.after(FakeRestart.PATIENCE));

            node.await(() -> !node.state.hasRecorded());
            assertEquals(Set.of(), node.recorded());
            assertFalse(node.done.stream().anyMatch(line -> line.startsWith("rpc")), node.done.toString());
        }
    }

    @Test
    void afterARestartTheyAreWhoMayReclaim() throws Exception {
        node.createDatabase();
        node.refused = "8";
        Operation web = node.operation("web");
        Files.writeString(web.state().clients(), "6161");
        assertThrows(IOException.class, () -> restart.join(web));
        assertTrue(node.state.hasRecorded());
        node.sql("CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "UPDATE grace SET current = 2, recovery = 1;"); // as nfsdcld does for a start
        node.refused = "";

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.await(() -> !node.state.hasRecorded());
        assertTrue(node.recorded().contains("6161"), node.recorded().toString());
        node.sql("UPDATE grace SET recovery = 0");

        restart.join(node.operation("db"));
        node.await(() -> node.told.size() == 2);
        node.awaitFinished();
        assertFalse(node.state.hasRecorded());
    }

    @Test
    void servicesThatComeTogetherHaveOneRestart() throws Exception {
        Operation db = node.operation("db");
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                restart.join(db);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        restart.join(node.operation("web"));
        other.get();

        node.awaitEnd();
        assertEquals(1, Collections.frequency(node.done, "rpc.nfsd 0"), node.done.toString());
    }

    /** statd forgets it when lockd stops. */
    @Test
    void aHostThatComesInTheLastMomentIsToldToo() throws Exception {
        Path sm = Files.createDirectories(dir.resolve("statd/sm"));
        node.atDoors = () -> Files.writeString(sm.resolve("192.0.2.9"), "x");

        restart.join(node.operation("web"));

        node.awaitEnd();
        assertTrue(Files.exists(node.state.hosts().resolve("192.0.2.9")));
    }

    /** lockd goes on, so NFSv3 hosts would find no grace; the others do. */
    @Test
    void whereANodeHasMountsOverNfsv3OnlyServicesWithHostsAreRefused() throws Exception {
        node.createDatabase();
        doReturn("server:/x /mnt nfs rw,vers=3,local_lock=none 0 0\n".getBytes(StandardCharsets.US_ASCII))
                .when(node.fake.kernel).read(eq(Path.of("/proc/1/mounts")), anyInt());
        Operation db = node.operation("db");
        Files.delete(db.state().nsm().resolve("192.0.2.7"));
        Files.writeString(db.state().clients(), "6161");
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                restart.join(db);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });

        assertThrows(IOException.class, () -> restart.join(node.operation("web")));

        other.get();
        node.awaitEnd();
        assertTrue(node.recordedAtStop.contains("6161"), node.recordedAtStop.toString());
        assertEquals(1, Collections.frequency(node.done, "rpc.nfsd 0"), node.done.toString());
    }

    @Test
    void itsNumberIsCountedUpOnceAndBeforeItStops() throws Exception {
        countedSoFar(BEFORE);

        restart.join(node.operation("web"));

        node.awaitEnd();
        assertEquals(List.of(BEFORE.next()), node.told);
        assertEquals(BEFORE.next(), node.numberAtStop, "the emergency stop would tell another");
        assertEquals(Optional.of(BEFORE.next()), NsmState.read(node.number));
    }

    @Test
    void theNextRestartHasTheNextNumber() throws Exception {
        countedSoFar(BEFORE);

        restart.join(node.operation("web"));
        node.awaitEnd();
        restart.join(node.operation("db"));
        node.await(() -> node.told.size() == 2);
        node.awaitFinished();

        assertEquals(List.of(BEFORE.next(), BEFORE.next().next()), node.told);
    }

    @Test
    void aNumberThatMayHaveBeenToldIsNotToldAgain() throws Exception {
        countedSoFar(BEFORE);
        node.state.begin(new RestartState.Unfinished(8, null));
        node.fake.threads(0);

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.awaitEnd();
        assertEquals(List.of(BEFORE.next()), node.told);
    }

    @Test
    void whatAHelperLeftInTheMiddleIsFinished() throws Exception {
        node.fake.threads(0);
        node.state.begin(new RestartState.Unfinished(16, "one-name"));

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.awaitEnd();
        assertEquals(List.of("rpc.nfsd 16", "doors open", "notified"), node.done);
        assertEquals(List.of("one-name"), node.scopes);
        node.done.clear();
        restart.finish(Deadline.after(FakeRestart.PATIENCE));
        assertEquals(List.of(), node.done);
    }

    @Test
    void hostsThatAHelperCouldNotTellAreTold() throws Exception {
        node.state.begin(new RestartState.Unfinished(8, null));

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.awaitEnd();
        assertEquals(List.of("doors open", "notified"), node.done);
    }

    @Test
    void thoseThatTheEmergencyStopHasToldAreNotToldAgain() throws Exception {
        node.state.begin(new RestartState.Unfinished(8, null));
        Files.createFile(dir.resolve("restart/told"));

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.awaitFinished();
        assertEquals(List.of("doors open"), node.done);
    }

    @Test
    void butAreWhenNfsdHasToBeStartedAgain() throws Exception {
        node.state.begin(new RestartState.Unfinished(8, null));
        Files.createFile(dir.resolve("restart/told"));
        node.fake.threads(0);

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.awaitEnd();
        assertEquals(List.of("rpc.nfsd 8", "doors open", "notified"), node.done);
    }

    @Test
    void nobodyIsToldWithoutGrace() throws Exception {
        node.state.begin(new RestartState.Unfinished(8, null));
        when(node.lockd.graceEnded()).thenReturn(true);

        restart.finish(Deadline.after(FakeRestart.PATIENCE));

        node.awaitFinished();
        assertEquals(List.of("doors open"), node.done);
    }

    @Test
    void oneThatFailedIsFinishedLater() throws Exception {
        node.refused = "8";

        assertThrows(IOException.class, () -> restart.join(node.operation("web", "scope", "one-name")));

        assertEquals(Optional.of(new RestartState.Unfinished(8, "one-name")), node.state.unfinished());
        node.refused = "";
        restart.finish(Deadline.after(FakeRestart.PATIENCE));
        node.awaitEnd();
        assertTrue(node.done.contains("rpc.nfsd 8"), node.done.toString());
    }
}
