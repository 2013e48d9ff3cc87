// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Sqlite;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerRestartTest {
    private static final Duration PAUSE = Duration.ofMillis(300);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** Larger than any that the clock gives. */
    private static final NsmState BEFORE = new NsmState(2_000_000_001);

    @TempDir
    private Path dir;

    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    private final LockdFs lockd = mock(LockdFs.class);
    private final List<String> done = Collections.synchronizedList(new ArrayList<>());
    private final List<String> said = Collections.synchronizedList(new ArrayList<>());
    private final List<String> scopes = Collections.synchronizedList(new ArrayList<>());
    private final List<RunningService> here = new ArrayList<>();
    private FakeServers fake;
    private Path database;
    private RestartState state;
    /** The counts of threads that rpc.nfsd fails for, and of which it says so although the kernel has done it. */
    private volatile String refused = "";
    private volatile String late = "";
    private volatile Set<String> recordedAtStop = Set.of();
    private volatile Optional<NsmState> numberAtStop = Optional.empty();
    private final List<NsmState> told = Collections.synchronizedList(new ArrayList<>());
    private ServerRestart restart;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        database = dir.resolve("main.sqlite");
        state = new RestartState(files, dir.resolve("restart"));
        when(fake.node.in(any(), any(), any())).thenAnswer(call -> {
            if (call.getArgument(1) != null) {
                scopes.add(call.getArgument(1));
            }
            return call.<Callable<?>>getArgument(2).call();
        });
        when(fake.node.run(any(), any(String[].class))).thenAnswer(call -> rpcNfsd(call.getArgument(2)));
        when(fake.node.commands()).thenReturn((timeout, stdin, argv) -> {
            done.add(stdin.contains("chain") ? "doors shut" : "doors open");
            return new CommandResult(argv, 0, "", "", Duration.ZERO, false);
        });
        when(fake.node.bootSeconds()).thenReturn(100.0);
        when(lockd.graceTime()).thenReturn(50);
        when(fake.registry.names()).thenAnswer(call -> here.stream().map(service -> service.config().name()).toList());
        when(fake.registry.load(any())).thenAnswer(call -> here.stream()
                .filter(service -> service.config().name().equals(call.getArgument(0))).findFirst());
        when(fake.registry.update(any(), any())).thenAnswer(call -> {
            RunningService now = call.<UnaryOperator<RunningService>>getArgument(1).apply(here.get(0));
            done.add(now.config().name() + " recovers: " + !now.recovered());
            return now;
        });
        NodeLockd nodeLockd = mock(NodeLockd.class);
        doAnswer(call -> {
            call.<Step>getArgument(0).run();
            return null;
        }).when(nodeLockd).untouched(any());
        SharedRecordsLayer records = mock(SharedRecordsLayer.class);
        when(records.statd()).thenReturn(dir.resolve("statd"));
        when(records.hasHosts(any())).thenAnswer(
                call -> !new NsmRecords(files).names(call.<StateDirectory>getArgument(0).nsm()).isEmpty());
        doAnswer(call -> {
            done.add(call.<RunningService>getArgument(0).config().name() + " is recorded");
            return null;
        }).when(records).gatherNow(any());
        HostNotifier notifier = mock(HostNotifier.class);
        when(notifier.begin(any(), any(), any(), any(), any(), any())).thenAnswer(call -> {
            told.add(call.getArgument(3));
            done.add("notified");
            return List.of();
        });
        restart = new ServerRestart(fake.node, fake.nfsd, lockd, nodeLockd, fake.registry, fake.servers, fake.holdings,
                mock(NlmRelease.class), records, new RestartGate(), notifier, new SharedOwners(dir.resolve("services"), files),
                state, database, PAUSE);
    }

    private CommandResult rpcNfsd(String count) throws IOException {
        if (count.equals(refused)) {
            throw new IOException("no memory");
        }
        if (count.equals("0") && Files.exists(database)) {
            recordedAtStop = new NfsdcldDb(database).reclaimers();
        }
        if (count.equals("0")) {
            numberAtStop = NsmState.read(dir.resolve("restart/state"));
        }
        done.add("rpc.nfsd " + count);
        fake.threads(Integer.parseInt(count));
        if (count.equals(late)) {
            throw new IOException("took longer than it may");
        }
        return null;
    }

    private RunningService service(String name, String... more) throws Exception {
        // A host that may reclaim.
        Files.writeString(Files.createDirectories(dir.resolve(name).resolve("nsm")).resolve("192.0.2.7"), "x");
        List<String> parameters = new ArrayList<>(List.of("instance", "node", "grace", "restart"));
        parameters.addAll(List.of(more));
        return TestService.of(name, TestService.parameters(dir.resolve(name), parameters.toArray(String[]::new)));
    }

    private Operation operation(String name, String... more) throws Exception {
        return TestService.operation(service(name, more), said);
    }

    private void createDatabase() throws Exception {
        Files.createFile(database);
        try (Sqlite db = Sqlite.open(database, false)) {
            db.exec("CREATE TABLE parameters (key TEXT PRIMARY KEY, value TEXT);"
                    + "CREATE TABLE grace (current INTEGER , recovery INTEGER);"
                    + "INSERT OR FAIL INTO grace values (1, 0);"
                    + "CREATE TABLE \"rec-0000000000000001\" (id BLOB PRIMARY KEY, princhash BLOB);"
                    + "INSERT OR FAIL INTO parameters values (\"version\", \"4\");");
        }
    }

    private void countedSoFar(NsmState number) throws Exception {
        Files.createDirectories(dir.resolve("restart"));
        Files.write(dir.resolve("restart/state"), number.bytes());
    }

    /** What follows when nfsd serves again is waited for by nobody. */
    private void awaitEnd() throws Exception {
        await(() -> done.contains("notified") && !state.isUnfinished());
    }

    private void awaitFinished() throws Exception {
        await(() -> !state.isUnfinished());
    }

    private void await(BooleanSupplier condition) throws Exception {
        Deadline deadline = Deadline.after(PATIENCE);
        while (!condition.getAsBoolean()) {
            assertFalse(deadline.passed(), done.toString());
            Thread.sleep(5);
        }
    }

    @Test
    void othersAreRecordedBeforeAndToldAfterwards() throws Exception {
        here.add(service("db").started(5).withOpened().withRecovered());

        restart.join(operation("web"));

        awaitEnd();
        assertEquals(List.of("db is recorded", "doors shut", "rpc.nfsd 0", "rpc.nfsd 8", "doors open", "db recovers: true",
                "notified"), done);
    }

    @Test
    void whereNobodyIsKnownNothingIsDone() throws Exception {
        Operation web = operation("web");
        Files.delete(web.state().nsm().resolve("192.0.2.7"));

        restart.join(web);

        assertEquals(List.of(), done);
    }

    @Test
    void anNfsdThatIsStoppedIsStartedWhoeverGivesUp() throws Exception {
        refused = "8";
        Operation web = operation("web");
        Thread waiting = new Thread(() -> {
            try {
                restart.now(web);
            } catch (IOException | InterruptedException e) {
                said.add(e.toString());
            }
        });
        waiting.start();
        Deadline deadline = Deadline.after(PATIENCE);
        while (!done.contains("rpc.nfsd 0")) {
            assertFalse(deadline.passed(), said.toString());
            Thread.sleep(5);
        }
        waiting.interrupt();
        waiting.join();
        refused = "";

        awaitEnd();
        assertTrue(done.contains("rpc.nfsd 8"), done.toString());
    }

    @Test
    void aStopThatFailsIsNoRestart() throws Exception {
        refused = "0";

        IOException e = assertThrows(IOException.class, () -> restart.join(operation("web")));

        assertTrue(e.getMessage().contains("no memory"), e.getMessage());
        assertEquals(List.of("doors shut", "doors open"), done);
        assertFalse(state.isUnfinished());
    }

    @Test
    void aStopThatSucceedsAfterItsTimeIsOne() throws Exception {
        late = "0";

        restart.join(operation("web"));

        awaitEnd();
        assertEquals(List.of("doors shut", "rpc.nfsd 0", "rpc.nfsd 8", "doors open", "notified"), done);
    }

    @Test
    void clientsAreRecordedBeforeNfsdStops() throws Exception {
        createDatabase();
        fake.client(7, "192.0.2.71:700", FakeServers.open(1, FakeServers.THERE, 1));
        Operation web = operation("web");
        Files.writeString(web.state().clients(), "6161");

        restart.join(web);

        awaitEnd();
        assertTrue(recordedAtStop.containsAll(Set.of("6161", "6337")), recordedAtStop.toString());
        assertTrue(recordedAtStop.stream().anyMatch(RecordsLayer::isGraceHolder), recordedAtStop.toString());
        // This nfsd has not asked for them.
        assertTrue(said.stream().anyMatch(line -> line.contains("did not find nfsdcld")), said.toString());
    }

    @Test
    void aHostThatWasAClientOfBothNodesIsNamed() throws Exception {
        createDatabase();
        fake.client(7, "192.0.2.71:700", FakeServers.open(1, FakeServers.THERE, 1));
        Files.createDirectories(dir.resolve("services/web"));
        Operation web = operation("web");
        Files.writeString(web.state().clients(), "from other-boot\n6161\n6337");

        restart.join(web);

        awaitEnd();
        String why = "NFSv4 hosts used it on one node, and";
        assertTrue(said.stream().anyMatch(line -> line.startsWith(why) && line.endsWith(": c7")), said.toString());
        assertEquals("6337", Files.readString(dir.resolve("services/web/one-owner")));
    }

    @Test
    void clientsThatCannotBeRecordedAreAReasonNotToStopIt() throws Exception {
        Operation web = operation("web");
        Files.writeString(web.state().clients(), "6161");

        IOException e = assertThrows(IOException.class, () -> restart.join(web));

        assertTrue(e.getMessage().contains("nfsdcld"), e.getMessage());
        assertEquals(List.of(), done);
    }

    @Test
    void aNodeWithMountsOverNfsv3CannotGetAGracePeriod() throws Exception {
        doReturn(("server:/l /local nfs rw,vers=3,local_lock=all 0 0\nserver:/x /mnt nfs rw,vers=3,local_lock=none 0 0\n")
                .getBytes(StandardCharsets.US_ASCII)).when(fake.kernel).read(eq(Path.of("/proc/1/mounts")), anyInt());

        IOException e = assertThrows(IOException.class, () -> restart.join(operation("web")));

        assertTrue(e.getMessage().contains("/mnt"), e.getMessage());
        assertEquals(List.of(), done);
    }

    @Test
    void servicesThatComeTogetherHaveOneRestart() throws Exception {
        Operation db = operation("db");
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                restart.join(db);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        restart.join(operation("web"));
        other.get();

        awaitEnd();
        assertEquals(1, Collections.frequency(done, "rpc.nfsd 0"), done.toString());
    }

    @Test
    void oneOnItsWayIsWaitedFor() throws Exception {
        Operation slow = operation("slow");
        here.add(slow.service());
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                Thread.sleep(PAUSE.toMillis() * 3);
                restart.join(slow);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        restart.join(operation("web"));
        other.get();

        awaitEnd();
        assertEquals(1, Collections.frequency(done, "rpc.nfsd 0"), done.toString());
    }

    @Test
    void anNfsdThatDoesNotRunIsNotStarted() throws Exception {
        fake.threads(0);
        IOException e = assertThrows(IOException.class, () -> restart.join(operation("web")));
        assertTrue(e.getMessage().contains("start nfs-server.service"), e.getMessage());
        assertEquals(List.of(), done);
    }

    @Test
    void whatAHelperLeftInTheMiddleIsFinished() throws Exception {
        fake.threads(0);
        state.begin(new RestartState.Unfinished(16, "one-name"));

        restart.finish(Deadline.after(PATIENCE));

        awaitEnd();
        assertEquals(List.of("rpc.nfsd 16", "doors open", "notified"), done);
        assertEquals(List.of("one-name"), scopes);
        done.clear();
        restart.finish(Deadline.after(PATIENCE));
        assertEquals(List.of(), done);
    }

    @Test
    void hostsThatAHelperCouldNotTellAreTold() throws Exception {
        state.begin(new RestartState.Unfinished(8, null));

        restart.finish(Deadline.after(PATIENCE));

        awaitEnd();
        assertEquals(List.of("doors open", "notified"), done);
    }

    @Test
    void thoseThatTheEmergencyStopHasToldAreNotToldAgain() throws Exception {
        state.begin(new RestartState.Unfinished(8, null));
        Files.createFile(dir.resolve("restart/told"));

        restart.finish(Deadline.after(PATIENCE));

        awaitFinished();
        assertEquals(List.of("doors open"), done);
    }

    @Test
    void butAreWhenNfsdHasToBeStartedAgain() throws Exception {
        state.begin(new RestartState.Unfinished(8, null));
        Files.createFile(dir.resolve("restart/told"));
        fake.threads(0);

        restart.finish(Deadline.after(PATIENCE));

        awaitEnd();
        assertEquals(List.of("rpc.nfsd 8", "doors open", "notified"), done);
    }

    @Test
    void itsNumberIsCountedUpOnceAndBeforeItStops() throws Exception {
        countedSoFar(BEFORE);

        restart.join(operation("web"));

        awaitEnd();
        assertEquals(List.of(BEFORE.next()), told);
        assertEquals(Optional.of(BEFORE.next()), numberAtStop, "the emergency stop would tell another");
        assertEquals(Optional.of(BEFORE.next()), NsmState.read(dir.resolve("restart/state")));
    }

    @Test
    void aNumberThatMayHaveBeenToldIsNotToldAgain() throws Exception {
        countedSoFar(BEFORE);
        state.begin(new RestartState.Unfinished(8, null));
        fake.threads(0);

        restart.finish(Deadline.after(PATIENCE));

        awaitEnd();
        assertEquals(List.of(BEFORE.next()), told);
    }

    @Test
    void nobodyIsToldWithoutGrace() throws Exception {
        state.begin(new RestartState.Unfinished(8, null));
        when(lockd.graceEnded()).thenReturn(true);

        restart.finish(Deadline.after(PATIENCE));

        awaitFinished();
        assertEquals(List.of("doors open"), done);
    }

    @Test
    void oneThatFailedIsFinishedLater() throws Exception {
        refused = "8";

        assertThrows(IOException.class, () -> restart.join(operation("web", "scope", "one-name")));

        assertEquals(Optional.of(new RestartState.Unfinished(8, "one-name")), state.unfinished());
        refused = "";
        restart.finish(Deadline.after(PATIENCE));
        awaitEnd();
        assertTrue(done.contains("rpc.nfsd 8"), done.toString());
    }

    @Test
    void aServiceOfWhichGraceIsHalfOverStaysClosed() throws Exception {
        Operation web = operation("web");
        assertThrows(OcfException.class, () -> restart.requireGrace(web));

        restart.join(web);

        restart.requireGrace(web);
        awaitEnd();
        when(fake.node.bootSeconds()).thenReturn(126.0);
        OcfException e = assertThrows(OcfException.class, () -> restart.requireGrace(web));
        assertTrue(e.getMessage().startsWith("service web: 26 s of NLM's grace period (50 s) were over"), e.getMessage());
        assertTrue(e.getMessage().contains("set grace-time=60 or more"), e.getMessage());
        when(fake.node.bootSeconds()).thenReturn(225.0);
        e = assertThrows(OcfException.class, () -> restart.requireGrace(web));
        assertFalse(e.getMessage().contains("grace-time"), "NLM's cannot be as long: " + e.getMessage());
    }
}
