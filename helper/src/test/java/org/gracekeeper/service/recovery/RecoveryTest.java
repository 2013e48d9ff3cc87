// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.verifyNoMoreInteractions;
import static org.mockito.Mockito.when;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Sqlite;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a recovery when an administrator ends it, or a client in it. */
class RecoveryTest {
    private static final String OWNER = "636c69656e742031";
    private static final Nfs4Client CLIENT = TestClients.nfs4(1, "192.0.2.9:817", 2, "confirmed", 1, 1, 0);
    private static final Nfs4Client OLD = TestClients.nfs4(2, "192.0.2.10:817", 0, "confirmed", 1, 0, 0);
    private static final Range LOCK = new Range("/srv/a", 12, LockLine.Access.WRITE, 0, 9, 1);

    @TempDir
    private Path dir;

    private final Node node = mock(Node.class);
    private final NfsdFs nfsd = mock(NfsdFs.class);
    private final LockdFs lockd = mock(LockdFs.class);
    private final Holdings holdings = mock(Holdings.class);
    private final TimelineLog timeline = mock(TimelineLog.class);
    private final ServerLook look = mock(ServerLook.class);
    private RunningService service;
    private StateDirectory state;
    private LedgerStore ledgers;
    private Recovery recovery;

    @BeforeEach
    void aServiceInGrace() throws Exception {
        Kernel kernel = LinuxKernel.load();
        DurableFiles files = new DurableFiles(kernel);
        service = TestService.at(dir).started(5).withOpened();
        state = service.state();
        ledgers = new LedgerStore(files);
        for (Path each : List.of(state.sm(), state.nsm(), state.clientDatabase().getParent())) {
            Files.createDirectories(each);
        }
        Files.createFile(state.clientDatabase());
        // As nfs-utils makes it, utils/nfsdcld/sqlite.c; client 1 may reclaim.
        try (Sqlite db = Sqlite.open(state.clientDatabase(), false)) {
            db.exec("CREATE TABLE parameters (key TEXT PRIMARY KEY, value TEXT);"
                    + "CREATE TABLE grace (current INTEGER , recovery INTEGER);"
                    + "INSERT INTO grace values (2, 1);"
                    + "CREATE TABLE \"rec-0000000000000001\" (id BLOB PRIMARY KEY, princhash BLOB);"
                    + "CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                    + "INSERT INTO parameters values (\"version\", \"4\");"
                    + "INSERT INTO \"rec-0000000000000001\" VALUES (x'" + OWNER + "', NULL);");
        }
        new ObjectMapper().writeValue(state.record().toFile(),
                new Claim(1, "web", "web", "node1", "boot", 8, 90, 90, false));
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(node.bootSeconds()).thenReturn(10.0);
        when(holdings.fileSystems(any())).thenReturn(new FileSystems(Map.of(), true));
        when(holdings.certainLocks(any())).thenReturn(new Holdings.Locks(List.of(), List.of()));
        when(holdings.clients(any())).thenReturn(List.of(CLIENT));
        recovery = new Recovery(node, nfsd, lockd, new RecordsLayer(new Node(kernel, null), files), holdings, ledgers,
                mock(ClaimStore.class), timeline, look);
        when(look.runs(any())).thenReturn(Optional.of(true));
    }

    private void ledger(List<Range> nlm, HeldState... clients) throws Exception {
        ledgers.write(state, new Ledger("web", 7, "web", 90, 90, "", "", nlm, List.of(), List.of(clients)));
    }

    private RecoveryDecision decision() throws Exception {
        return recovery.decide(service, recovery.grace(service));
    }

    private NfsdcldDb.Recovery recorded() throws Exception {
        return new NfsdcldDb(state.clientDatabase()).recovery();
    }

    @Test
    void anEndedClientIsNotWaitedFor() throws Exception {
        assertFalse(decision().endV4());

        recovery.forget(service, CLIENT, List.of());

        assertEquals(Set.of(), recorded().recorded());
        RecoveryDecision after = decision();
        assertTrue(after.endV4() && after.missing().isEmpty(), after.toString());
    }

    @Test
    void norOneThatTheLedgerKnows() throws Exception {
        ledger(List.of(), new HeldState(OWNER, "client 1", "192.0.2.9:817", 2, List.of(), List.of(), 1));
        assertFalse(decision().endV4());

        recovery.forget(service, CLIENT, List.of());

        assertTrue(decision().endV4(), decision().toString());
        assertEquals(List.of(), ledgers.find(state).ledger().orElseThrow().clients(), "a stop now would hand it on");
    }

    /** The kernel has its record removed then (fs/nfsd/nfs4state.c, nfsd4_destroy_clientid), and it never comes again. */
    @Test
    void whoHasReclaimedAndUnmountsIsNotWaitedForAgain() throws Exception {
        String other = "6f74686572";
        new NfsdcldDb(state.clientDatabase()).recordForNextStart(List.of(HexFormat.of().parseHex(other)));
        new NfsdcldDb(state.clientDatabase()).record(List.of(CLIENT.ownerId())); // RECLAIM_COMPLETE
        assertEquals(1, decision().missing().size());

        try (Sqlite db = Sqlite.open(state.clientDatabase(), false)) {
            db.exec("DELETE FROM \"rec-0000000000000002\"");
        }
        when(holdings.clients(any())).thenReturn(List.of());

        assertEquals(List.of("other"), decision().missing().stream().map(RecoveryDecision.Missing::client).toList());
    }

    @Test
    void aLaterClientOfThatNameKeepsItsRecord() throws Exception {
        recovery.forget(service, CLIENT, List.of(OLD, new Nfs4Client(9, "192.0.2.9:818", "confirmed", CLIENT.ownerId(), 2,
                List.of(), "9", 0, "UP", 0)));
        assertEquals(Set.of(OWNER), recorded().recorded());
    }

    /** A look that had seen it just before its end would record it as one that may reclaim after the next start. */
    @Test
    void anEndedClientIsNotRecordedAnew() throws Exception {
        when(holdings.clients(any())).thenReturn(List.of(OLD));
        decision();
        String old = "636c69656e742032";
        assertEquals("client 2", new String(OLD.ownerId(), StandardCharsets.US_ASCII));
        assertEquals(Set.of(old), recorded().complete());

        recovery.forget(service, OLD, List.of());
        decision();

        assertEquals(Set.of(), recorded().complete());
        when(holdings.clients(any())).thenReturn(List.of(new Nfs4Client(5, OLD.address(), "confirmed", OLD.ownerId(), 0,
                OLD.states(), "5", 0, "UP", 0)));
        decision();
        assertEquals(Set.of(old), recorded().complete(), "it is there again, as a new one");
    }

    @Test
    void oneThatCouldNotBeEndedMayReclaimAfterTheNextStart() throws Exception {
        recovery.forget(service, CLIENT, List.of());
        recovery.recordHolders(service);
        assertEquals(Set.of(), recorded().complete());

        recovery.keep(service, CLIENT);

        assertEquals(Set.of(OWNER), recorded().complete());
        new NfsdcldDb(state.clientDatabase()).forget(CLIENT.ownerId());
        recovery.recordHolders(service);
        assertEquals(Set.of(OWNER), recorded().complete(), "the stop records it as all others");
    }

    @Test
    void nlmLocksAreNotWaitedForWhenTheLastHostIsEnded() throws Exception {
        ledger(List.of(LOCK));
        Path host = Files.createFile(state.nsm().resolve("192.0.2.9"));
        Path other = Files.createFile(state.nsm().resolve("192.0.2.10"));
        assertFalse(decision().endNlm());
        Files.delete(host);
        recovery.forgetHosts(service);
        assertFalse(decision().endNlm(), "whose lock it was is not known");
        Files.delete(other);

        recovery.forgetHosts(service);

        assertTrue(decision().endNlm());
        assertEquals(List.of(), ledgers.find(state).ledger().orElseThrow().nlm());
    }

    /** A node that comes up after a crash has better things to do than to look ten times a second. */
    @Test
    void looksAreRareWhereOnlyTimeEndsGraceButNeverComeTooLate() throws Exception {
        Files.createFile(state.nsm().resolve("192.0.2.9"));
        assertEquals(Optional.of(Duration.ofSeconds(1)), recovery.step(service));
        double end = service.startedAt() + service.graceTime();
        when(node.bootSeconds()).thenReturn(end - 0.5);
        assertEquals(Optional.of(Duration.ofMillis(500)), recovery.step(service));
        when(node.bootSeconds()).thenReturn(end + 1);
        assertEquals(Optional.of(Duration.ofMillis(100)), recovery.step(service));
        verify(lockd).endGrace();
    }

    @Test
    void looksAreFrequentWhereLocksAreCounted() throws Exception {
        Files.createFile(state.nsm().resolve("192.0.2.9"));
        ledger(List.of(LOCK));
        assertEquals(Optional.of(Duration.ofMillis(100)), recovery.step(service));
    }

    private void graceEnds() throws Exception {
        when(lockd.graceEnded()).thenReturn(true);
        when(nfsd.v4GraceEnded()).thenReturn(true);
    }

    /** Where nfsdcld has not: it may be about to, and the next start must know in any case. */
    @Test
    void theEndOfGraceIsNoted() throws Exception {
        graceEnds();
        assertTrue(recovery.step(service).isEmpty());
        assertEquals("1\n", Files.readString(state.graceOver()));
        assertEquals(new NfsdcldDb.Epochs(2, 1), new NfsdcldDb(state.clientDatabase()).epochs(), "nfsdcld runs");
    }

    @Test
    void norIsItNotedOfAStartThatCameMeanwhile() throws Exception {
        when(lockd.graceEnded()).thenReturn(true);
        when(nfsd.v4GraceEnded()).thenReturn(true, false);
        recovery.step(service);
        assertFalse(Files.exists(state.graceOver()));
    }

    @Test
    void whoCannotBeRecordedIsTriedAgain() throws Exception {
        graceEnds();
        when(holdings.clients(any())).thenThrow(new IOException("disk full")).thenReturn(List.of(OLD));
        assertThrows(IOException.class, () -> recovery.step(service));
        assertTrue(recovery.step(service).isEmpty());
        assertEquals(Set.of("636c69656e742032"), recorded().complete());
    }

    /** The kernel takes back its own records only. */
    @Test
    void aStopAfterGraceLeavesTheRecordsOfThoseWhoHoldSomething() throws Exception {
        when(holdings.clients(any())).thenReturn(List.of(OLD, CLIENT));
        recovery.recordHolders(service);
        when(holdings.clients(any())).thenReturn(List.of(CLIENT));

        recovery.recordNobodyElse(service);
        assertEquals(Set.of("636c69656e742032", OWNER), recorded().complete(), "in grace those of before may still come");

        graceEnds();
        recovery.recordNobodyElse(service);

        assertEquals(Set.of(OWNER), recorded().complete());
        assertTrue(Files.exists(state.graceOver()));
    }

    /** Recorded by the helper, so the kernel leaves the record when the client has ended. */
    @Test
    void whoHasGoneMayNotReclaimLater() throws Exception {
        new NfsdcldDb(state.clientDatabase()).record(List.of("client 2".getBytes(StandardCharsets.US_ASCII), CLIENT.ownerId()));
        Nfs4Client idle = new Nfs4Client(9, CLIENT.address(), "confirmed", CLIENT.ownerId(), 0,
                List.of(), "9", 0, "UP", 0);
        when(holdings.clients(any())).thenReturn(List.of(idle));

        recovery.seeClients(service);
        assertEquals(Set.of("636c69656e742032", OWNER), recorded().complete(), "in grace those of before may still come");

        graceEnds();
        recovery.seeClients(service);
        assertEquals(Set.of(OWNER), recorded().complete(), "who holds nothing just now may open a file the next moment");
    }

    /** nfsd says that grace is over before it is: until nfsdcld has noted it, reclaims are granted. */
    @Test
    void whoCameBackInTheLastMomentIsRecorded() throws Exception {
        when(holdings.clients(any())).thenReturn(List.of());
        graceEnds();
        assertTrue(recovery.step(service).isEmpty());

        when(holdings.clients(any())).thenReturn(List.of(OLD));
        assertFalse(recovery.seeClients(service), "more may come");
        assertEquals(Set.of("636c69656e742032"), recorded().complete());

        new NfsdcldDb(state.clientDatabase()).endRecovery(recoveryEpoch());
        assertTrue(recovery.seeClients(service));
        assertEquals(Set.of("636c69656e742032"), recorded().complete());
        Files.delete(state.clientDatabase());
        assertTrue(recovery.seeClients(service), "of a service without NFSv4");
    }

    /** To ask nfsd can take as long as another service's server does to stop. */
    @Test
    void aLookThatHangsKeepsNoClientFromBeingRecorded() throws Exception {
        new NfsdcldDb(state.clientDatabase()).record(List.of(CLIENT.ownerId()));
        when(holdings.clients(any())).thenReturn(List.of());
        graceEnds();
        when(look.runs(any())).thenReturn(Optional.of(true)).thenAnswer(call -> {
            Thread.sleep(60_000);
            return Optional.empty();
        });

        assertThrows(IOException.class, () -> recovery.seeClients(service));

        new NfsdcldDb(state.clientDatabase()).record(List.of("client 2".getBytes(StandardCharsets.US_ASCII)));
        assertEquals(Set.of("636c69656e742032", OWNER), recorded().complete());
    }

    /** Looks are a tenth of a second apart, and more. */
    @Test
    void whoGaveUpAtOnceWhatItReclaimedIsRecorded() throws Exception {
        Nfs4Client idle = new Nfs4Client(9, CLIENT.address(), "confirmed", CLIENT.ownerId(), 0, List.of(), "9", 0, "UP", 0);
        Nfs4Client unconfirmed = new Nfs4Client(9, CLIENT.address(), "unconfirmed", CLIENT.ownerId(), 0, List.of(), "9", 0, "UP", 0);
        Nfs4Client stranger = TestClients.nfs4(4, "192.0.2.11:817", 0, "confirmed", 0, 0, 0);
        when(holdings.clients(any())).thenReturn(List.of(unconfirmed, stranger));
        decision();
        assertEquals(Set.of(), recorded().complete());

        when(holdings.clients(any())).thenReturn(List.of(idle, stranger));
        decision();

        assertEquals(Set.of(OWNER), recorded().complete());
    }

    private long recoveryEpoch() throws IOException {
        return new NfsdcldDb(state.clientDatabase()).epochs().recovery();
    }

    /** They are all to come back when the service has been started anew. */
    @Test
    void clientsOfAServerThatSomebodyHasStoppedHaveNotGone() throws Exception {
        new NfsdcldDb(state.clientDatabase()).record(List.of(CLIENT.ownerId()));
        when(holdings.clients(any())).thenReturn(List.of());
        graceEnds();
        for (Optional<Boolean> told : List.of(Optional.of(false), Optional.<Boolean>empty())) {
            when(look.runs(any())).thenReturn(told);
            assertThrows(IOException.class, () -> recovery.seeClients(service));
        }
        assertEquals(Set.of(OWNER), recorded().complete());
    }

    @Test
    void holdersOfGraceAreNotWaitedFor() throws Exception {
        Kernel kernel = LinuxKernel.load();
        Files.createDirectories(state.smBak());
        new RecordsLayer(new Node(kernel, null), new DurableFiles(kernel)).up(
                TestService.operation(TestService.at(dir, "versions", "4.1 4.2"), new ArrayList<>()));
        assertTrue(recorded().recorded().size() > 50, "nfsd counts a client that is mounted anew once more");
        recovery.forget(service, CLIENT, List.of());
        assertTrue(decision().endV4(), decision().toString());
        assertEquals(List.of(), decision().missing());
    }

    /** A look that began before a stop, and goes on when the service has been started anew. */
    @Test
    void aLookOfAnEarlierStartEndsNothing() throws Exception {
        recovery.close(service);
        recovery.open(service.config().name());
        assertThrows(IOException.class, () -> recovery.step(service));
        recovery.endNow(service);
        verify(nfsd, never()).endV4Grace();
        RunningService next = service.notStarted().started(7).withOpened();
        recovery.endNow(next);
        verify(nfsd).endV4Grace();
    }

    private List<String> toldWhenTimeIsOver() throws Exception {
        List<String> told = new ArrayList<>();
        Logger logger = Logger.getLogger(Recovery.class.getName());
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                told.add(entry.getLevel() + " " + entry.getMessage());
            }

            @Override
            public void flush() {
                // It is all there.
            }

            @Override
            public void close() {
                // Nothing is open.
            }
        };
        when(node.bootSeconds()).thenReturn(service.startedAt() + service.graceTime() + 1);
        logger.addHandler(handler);
        try {
            recovery.step(service);
        } finally {
            logger.removeHandler(handler);
        }
        return told;
    }

    private static void isTold(String level, String which, String reason, String told) {
        assertTrue(told.startsWith(level + " service web: " + which + " grace ended after "), told);
        assertTrue(told.endsWith(" s: " + reason), told);
    }

    /** As with a recovery set of another time. After a crash whose locks they were is not known, and all may be back. */
    @Test
    void thatLocksOfTheLedgerDidNotComeBackIsAWarning() throws Exception {
        Files.createFile(state.nsm().resolve("192.0.2.9"));
        List<String> crash = toldWhenTimeIsOver();
        assertEquals(2, crash.size(), crash.toString());
        isTold("INFO", "NLM", "its time is over, 1 hosts may reclaim, their locks are not known", crash.get(0));
        isTold("INFO", "NFSv4", "its time is over, 0 of 1 clients done", crash.get(1));

        recovery.open(service.config().name());
        ledger(List.of(LOCK));
        List<String> stop = toldWhenTimeIsOver();

        isTold("WARNING", "NLM", "its time is over, 0 of 1 locks back", stop.get(0));
        isTold("INFO", "NFSv4", "its time is over", stop.get(1));
    }

    /** nfsd ends its grace from its laundromat, some time after it has been asked to. */
    @Test
    void theEndOfAGracePeriodIsToldOnce() throws Exception {
        recovery.endNow(service);
        when(holdings.clients(any())).thenReturn(List.of());
        recovery.forget(service, CLIENT, List.of());
        assertTrue(decision().endV4());
        assertTrue(recovery.step(service).isPresent());
        when(lockd.graceEnded()).thenReturn(true);
        when(nfsd.v4GraceEnded()).thenReturn(true);
        assertTrue(recovery.step(service).isEmpty());

        verify(timeline).graceEnded(service.config().name(), "NLM", 5, "an administrator ended it");
        verify(timeline).graceEnded(service.config().name(), "NFSv4", 5, "an administrator ended it");
        verifyNoMoreInteractions(timeline);
    }

    @Test
    void whatCouldNotBeEndedIsToldOfWhenItEnds() throws Exception {
        doThrow(new IOException("busy")).doNothing().when(nfsd).endV4Grace();
        assertThrows(IOException.class, () -> recovery.endNow(service));
        assertTrue(recovery.step(service).isPresent());
        when(lockd.graceEnded()).thenReturn(true);
        when(nfsd.v4GraceEnded()).thenReturn(true);
        assertTrue(recovery.step(service).isEmpty());

        verify(timeline).graceEnded(service.config().name(), "NLM", 5, "an administrator ended it");
        verify(timeline).graceEnded(service.config().name(), "NFSv4", 5, "by the kernel");
        verifyNoMoreInteractions(timeline);
    }
}
