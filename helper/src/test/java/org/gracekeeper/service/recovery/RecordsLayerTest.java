// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.spy;
import static org.mockito.Mockito.verify;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Sqlite;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Uninterruptible;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordsLayerTest {
    @TempDir
    private Path dir;

    private final List<String> said = new ArrayList<>();
    private DurableFiles files;
    private StateDirectory state;
    private Operation operation;
    private RecordsLayer layer;

    @BeforeEach
    void aStateDirectoryWithAClient() throws Exception {
        Kernel kernel = LinuxKernel.load();
        files = spy(new DurableFiles(kernel));
        doReturn(files).when(files).unsynced();
        layer = new RecordsLayer(new Node(kernel, null), files);
        operation = TestService.operation(TestService.at(dir, "versions", "4.1 4.2"), said);
        state = operation.state();
        TestService.withClient(state);
    }

    private void sql(String statements) throws IOException {
        TestService.sql(state, statements);
    }

    private boolean mayReclaim() throws IOException {
        return new NfsdcldDb(state.clientDatabase()).reclaimers().contains("61");
    }

    /** nfsdcld could not note the end of grace, and client b came in the meantime. */
    @Test
    void aRecoveryThatIsOverIsNotGoneOnWith() throws Exception {
        sql("CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "UPDATE grace SET current = 2, recovery = 1;"
                + "INSERT INTO \"rec-0000000000000002\" VALUES (x'62', NULL);");
        layer.noteGraceOver(state, 7);
        layer.up(operation);
        assertTrue(mayReclaim(), "another recovery was over");
        layer.opens(state);

        layer.noteGraceOver(state, 1);
        layer.up(operation);

        assertFalse(mayReclaim());
        assertTrue(new NfsdcldDb(state.clientDatabase()).reclaimers().contains("62"));
        assertFalse(Files.exists(state.graceOver()));
    }

    @Test
    void thereAreMoreHoldersOfGraceThanClientsThatAreMountedAnew() throws Exception {
        layer.up(operation);
        assertEquals(101, new NfsdcldDb(state.clientDatabase()).reclaimers().size());
        layer.opens(state);
        for (int i = 0; i < 50; i++) {
            sql("INSERT INTO \"rec-0000000000000001\" VALUES (x'aa" + String.format("%02x", i) + "', NULL);");
        }
        layer.up(operation);
        assertEquals(51 + 204, new NfsdcldDb(state.clientDatabase()).reclaimers().size());
        assertEquals(204, new NfsdcldDb(state.clientDatabase()).reclaimers().stream()
                .filter(RecordsLayer::isGraceHolder).count());
    }

    private String refused(OcfCode code) {
        OcfException e = assertThrows(OcfException.class, () -> layer.up(operation));
        assertEquals(code, e.code());
        return e.getMessage();
    }

    private void isRefusedAsLost() {
        String reason = refused(OcfCode.GENERIC);
        assertTrue(reason.contains(state.clientDatabase().toString()), reason);
        assertTrue(reason.contains("lose their opens and locks"), reason);
        assertEquals(1, reason.lines().count(), reason);
        assertFalse(Files.exists(state.clientDatabaseBefore()), "the next start would go by it");
    }

    @Test
    void whoIsRecordedMayReclaim() throws Exception {
        layer.up(operation);
        assertTrue(mayReclaim());
    }

    /** What becomes of it when the kernel's clock ends grace and nobody has reclaimed (sqlite_grace_done of nfs-utils). */
    private void graceRunsOut() throws IOException {
        sql("CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "UPDATE grace SET current = 2, recovery = 0;"
                + "DROP TABLE \"rec-0000000000000001\";");
    }

    @Test
    void aStartThatNeverOpenedCostsTheNextOneNoClient() throws Exception {
        layer.up(operation);
        graceRunsOut();
        layer.up(operation);
        assertTrue(mayReclaim());

        layer.opens(state);
        layer.staysClosed(state);
        graceRunsOut();
        layer.up(operation);
        assertTrue(mayReclaim());
    }

    @Test
    void whereTheOpeningFailedBeforeItHadDoneAnythingTheListStays() throws Exception {
        layer.up(operation);
        layer.opens(state);
        layer.up(operation);
        byte[] list = Files.readAllBytes(state.clientDatabaseBefore());
        Files.writeString(state.clientDatabaseBefore().resolveSibling("before-last.sqlite"), "of an earlier start");

        layer.staysClosed(state);

        assertArrayEquals(list, Files.readAllBytes(state.clientDatabaseBefore()));
    }

    @Test
    void onceOpenedItTellsWhoMayReclaim() throws Exception {
        layer.up(operation);
        layer.opens(state);
        graceRunsOut();
        layer.up(operation);
        assertFalse(mayReclaim(), "others may have got its locks");
    }

    @Test
    void aDatabaseThatIsNoneIsRefusedWithWhatItCosts() throws Exception {
        byte[] backup = Files.readAllBytes(state.clientDatabase());
        Files.writeString(state.clientDatabase(), "no database, but long enough to be looked at for its first page");
        isRefusedAsLost();

        Files.write(state.clientDatabase(), backup);
        layer.up(operation);
        assertTrue(mayReclaim());
    }

    @Test
    void theCopyOfAStartThatNeverOpenedIsNamedWhereThatIsDamaged() throws Exception {
        byte[] backup = Files.readAllBytes(state.clientDatabase());
        layer.up(operation);
        Files.write(state.clientDatabaseBefore(), new byte[1000]);
        String reason = refused(OcfCode.GENERIC);
        assertTrue(reason.contains("put " + state.clientDatabaseBefore() + " back"), reason);

        Files.write(state.clientDatabaseBefore(), backup);
        layer.up(operation);
    }

    @Test
    void oneCutShortToo() throws Exception {
        byte[] whole = Files.readAllBytes(state.clientDatabase());
        for (int length : new int[] {0, 50, 100, 4096, 8192, whole.length / 2, whole.length - 4096}) {
            Files.write(state.clientDatabase(), Arrays.copyOf(whole, length));
            isRefusedAsLost();
        }
    }

    @Test
    void oneWithoutATableToo() throws Exception {
        sql("DROP TABLE \"rec-0000000000000001\"");
        isRefusedAsLost();
        sql("DELETE FROM grace");
        isRefusedAsLost();
        sql("DELETE FROM parameters");
        isRefusedAsLost();
    }

    @Test
    void oneOfAnotherNfsUtilsIsNotLost() throws Exception {
        sql("UPDATE parameters SET value = \"5\" WHERE key = \"version\"");
        String reason = refused(OcfCode.INSTALLED);
        assertTrue(reason.contains("schema version 5"), reason);
    }

    @Test
    void oneThatIsInUseIsNotTakenForDamaged() throws Exception {
        try (Sqlite db = Sqlite.open(state.clientDatabase(), false)) {
            db.exec("BEGIN EXCLUSIVE");
            assertThrows(IOException.class, () -> layer.up(operation));
        }
        layer.up(operation);
        assertEquals(Set.of(), new NfsdcldDb(state.clientDatabase()).recovery().recorded());
    }

    @Test
    void theStateNumberGrows() throws Exception {
        Files.write(state.nsmState(), new NsmState(7).bytes());
        assertEquals(9, layer.nextNumber(operation).value());
        assertEquals(List.of(), said);
    }

    @Test
    void aDamagedStateNumberIsReplacedByOneThatNobodyKnows() throws Exception {
        byte[] damaged = {7, 0, 0};
        Files.write(state.nsmState(), damaged);

        NsmState number = layer.nextNumber(operation);

        assertEquals(1, number.value() & 1);
        assertTrue(number.value() > 1_000_000);
        assertEquals(1, said.size(), said.toString());
        assertArrayEquals(damaged, Files.readAllBytes(dir.resolve("nfs/state.damaged")));
        Files.write(state.nsmState(), number.bytes());
        assertEquals(number.value() + 2, layer.nextNumber(operation).value());
    }

    @Test
    void whereThereIsNoneClientsMayStillKnowOneOfBefore() throws Exception {
        assertTrue(layer.nextNumber(operation).value() > 1_000_000);
        assertEquals(List.of(), said);
    }

    private boolean holdsV4Grace() throws IOException {
        return new NfsdcldDb(state.clientDatabase()).reclaimers().stream().anyMatch(RecordsLayer::isGraceHolder);
    }

    /** Until the end of a recovery somebody may come who is not known. */
    @Test
    void lostRecordsOfHostsAreInTheRecoverySet() throws Exception {
        sql("DELETE FROM \"rec-0000000000000001\"");
        layer.up(operation);
        assertFalse(holdsV4Grace(), "there is nobody to wait for");
        layer.opens(state);
        Files.createFile(state.nsmLost());

        layer.up(operation);

        assertTrue(holdsV4Grace(), "as long as that of NLM");
        assertEquals(List.of("hosts that are not known"), layer.recoverySet(state));
        statdMonitors(HOST);
        layer.gather(state);
        assertEquals(List.of(HOST, "hosts that are not known"), layer.recoverySet(state));
        layer.recovered(state, () -> false);
        assertTrue(Files.exists(state.nsmLost()));
        layer.recovered(state, () -> true);
        assertEquals(List.of(), layer.recoverySet(state));
        assertFalse(Files.exists(state.nsmLost()));
    }

    @Test
    void aMissingListOfNfsV4ClientsIsAWarning() throws Exception {
        Files.delete(state.clientDatabase());
        layer.up(operation);
        assertEquals(List.of(), said, "it may be the first start");

        Files.createFile(state.ledger());
        layer.up(operation);

        assertEquals(1, said.size(), said.toString());
        assertTrue(said.get(0).contains("list of NFSv4 clients is missing (" + state.clientDatabase()), said.get(0));
    }

    private static final String HOST = "192.0.2.21";
    private static final TcpPeer OLD = TcpPeer.parse("192.0.2.1:2049 192.0.2.21:817").orElseThrow();
    private static final TcpPeer NEW = TcpPeer.parse("192.0.2.1:2049 192.0.2.21:818").orElseThrow();
    private static final TcpPeer OTHER = TcpPeer.parse("192.0.2.1:2049 192.0.2.22:818").orElseThrow();

    private void statdMonitors(String host) throws IOException {
        Files.writeString(state.sm().resolve(host),
                "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff " + host + " web\n");
    }

    private void hostsAre(List<String> monitored, List<String> recovering) throws IOException {
        assertEquals(monitored, layer.monitored(state));
        assertEquals(recovering, layer.recoverySet(state));
    }

    /** What is in sm.bak is older, and a damaged record may be anywhere. */
    @Test
    void theNewestRecordThatIsWholeIsGathered() throws Exception {
        statdMonitors(HOST);
        Path sm = state.sm().resolve(HOST);
        Path bak = state.smBak().resolve(HOST);
        Path gathered = state.nsm().resolve(HOST);
        String record = Files.readString(sm);
        for (String left : List.of("", "garbage", record.replace("web", "before"))) {
            Files.writeString(bak, left);
            layer.gather(state);
            assertEquals(record, Files.readString(gathered), left);
        }
        Files.writeString(sm, "");
        Files.delete(bak);
        layer.gather(state);
        assertEquals(record, Files.readString(gathered));
        Files.writeString(gathered, "");
        Files.writeString(bak, record);
        layer.gather(state);
        assertEquals(record, Files.readString(gathered));
    }

    /** statd may be told to forget them then. */
    @Test
    void thatAllHostsAreGatheredIsKnownUntilStatdStartsAnew() throws Exception {
        statdMonitors(HOST);
        assertFalse(layer.isGathered(state), "the helper may have been killed in the middle of it");
        layer.gather(state);
        assertTrue(layer.isGathered(state));
        layer.up(operation);
        assertFalse(layer.isGathered(state));

        statdMonitors(HOST);
        layer.gather(state);
        doThrow(new IOException("Input/output error")).when(files).copyFile(any(), any());
        assertThrows(IOException.class, () -> layer.gather(state));
        assertFalse(layer.isGathered(state), "of the stop before");
    }

    @Test
    void whatAStopDidNotWaitForHasNotGatheredThem() throws Exception {
        statdMonitors(HOST);
        CountDownLatch answered = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        doAnswer(call -> {
            Uninterruptible.await(answered);
            return call.callRealMethod();
        }).when(files).copyFile(any(), any());

        assertThrows(IOException.class, () -> Bounded.run("a slow disk", Duration.ofMillis(50), () -> {
            try {
                layer.gather(state);
            } finally {
                over.countDown();
            }
        }));
        answered.countDown();
        over.await();

        assertFalse(layer.isGathered(state));
    }

    /** A stop's clients wait for it. */
    @Test
    void manyHostsAreSyncedAtOnce() throws Exception {
        Kernel kernel = spy(LinuxKernel.load());
        RecordsLayer records = new RecordsLayer(new Node(kernel, null), new DurableFiles(kernel));
        for (int i = 1; i <= 20; i++) {
            statdMonitors("192.0.2." + i);
        }

        records.gather(state);

        assertEquals(20, records.recoverySet(state).size());
        verify(kernel, never()).fsync(any());
        verify(kernel).syncfs(state.root());
    }

    /** A stop makes statd forget them all. */
    @Test
    void oneRecordThatCannotBeReadKeepsNoOtherFromBeingGathered() throws Exception {
        statdMonitors("192.0.2.1");
        statdMonitors("192.0.2.2");
        statdMonitors("192.0.2.3");
        // Nothing can take the place of a directory.
        Files.createDirectories(state.nsm().resolve("192.0.2.2").resolve("in the way"));
        assertThrows(IOException.class, () -> layer.gather(state));
        hostsAre(List.of("192.0.2.1", "192.0.2.2", "192.0.2.3"), List.of("192.0.2.1", "192.0.2.3"));
    }

    /** A bad sector stays one: a service that waited for it would never start. */
    @Test
    void aRecordThatTheDiskDoesNotReadIsNoReasonNotToStart() throws Exception {
        for (String host : List.of("192.0.2.1", "192.0.2.2", "192.0.2.3")) {
            statdMonitors(host);
        }
        layer.gather(state);
        byte[] kept = Files.readAllBytes(state.nsm().resolve("192.0.2.2"));
        Files.delete(state.nsm().resolve("192.0.2.1"));
        for (Path bad : List.of(state.sm().resolve("192.0.2.1"), state.sm().resolve("192.0.2.2"),
                state.nsm().resolve("192.0.2.3"))) {
            doThrow(new FileSystemException(bad.toString(), null, "Input/output error")).when(files).read(eq(bad), anyInt());
            doThrow(new FileSystemException(bad.toString(), null, "Input/output error")).when(files).copyFile(eq(bad), any());
        }

        layer.up(operation);

        hostsAre(List.of(), List.of("192.0.2.1", "192.0.2.2", "192.0.2.3"));
        assertEquals(0, Files.size(state.nsm().resolve("192.0.2.1")), "it has the name");
        assertArrayEquals(kept, Files.readAllBytes(state.nsm().resolve("192.0.2.2")));
        assertEquals(List.of("records of NFSv3 hosts cannot be read: 192.0.2.1, 192.0.2.2: they are notified all the same, by these"
                + " names"), said);
    }

    /** A damaged inode, which cannot be removed either; here a directory is in its place. */
    @Test
    void aHostOfWhichTheDiskTellsNothingButTheNameIsNotified() throws Exception {
        for (Path bad : List.of(state.sm().resolve("192.0.2.1"), state.nsm().resolve("192.0.2.2"))) {
            Files.createDirectories(bad.resolve("in the way"));
            IOException broken = new FileSystemException(bad.toString(), null, "Input/output error");
            doThrow(broken).when(files).isRegularFile(bad);
            doThrow(broken).when(files).read(eq(bad), anyInt());
            doThrow(broken).when(files).write(any(), any(), eq(bad));
        }

        layer.up(operation);

        assertEquals(List.of("192.0.2.1", "192.0.2.2"), layer.recoverySet(state));
        layer.recovered(state, () -> true);
        assertEquals(List.of("192.0.2.2"), layer.recoverySet(state), "once more than it need be");
    }

    @Test
    void hostsThatMayBeMissingAreInTheRecoverySet() throws Exception {
        layer.mayLackHosts(state);
        assertEquals(1, layer.recoverySet(state).size());
        layer.recovered(state, () -> true);
        assertEquals(List.of(), layer.recoverySet(state));
    }

    @Test
    void anEndedHostIsNeitherNotifiedNorWaitedFor() throws Exception {
        statdMonitors(HOST);
        statdMonitors("192.0.2.22");
        Files.copy(state.sm().resolve(HOST), state.smBak().resolve(HOST)); // as one that is being notified
        layer.gather(state);
        assertEquals(16, layer.monitor(state, HOST).get(0).procedure());

        layer.expire(state, HOST, List.of(OLD, OTHER));

        hostsAre(List.of("192.0.2.22"), List.of("192.0.2.22"));
        layer.returned(state, List.of(OLD, OTHER));
        layer.gather(state); // the stop
        hostsAre(List.of("192.0.2.22"), List.of("192.0.2.22"));
        layer.up(operation);
        assertFalse(Files.exists(state.expired()), "a new lockd asks statd for whoever comes");
        assertEquals(List.of(), layer.monitor(state, HOST));
    }

    @Test
    void oneThatOnlyMayReclaimIsForgotten() throws Exception {
        statdMonitors(HOST);
        layer.gather(state);
        Files.delete(state.sm().resolve(HOST));

        layer.expire(state, HOST, List.of());

        hostsAre(List.of(), List.of());
        assertEquals(List.of(), layer.ended(state), "statd has no record of it");
    }

    /** lockd does not ask statd for it again: without its record it would lose what it locks from now on at the next move. */
    @Test
    void anEndedHostThatIsThereAgainIsMonitored() throws Exception {
        statdMonitors(HOST);
        byte[] record = Files.readAllBytes(state.sm().resolve(HOST));
        layer.expire(state, HOST, List.of(OLD, OTHER));
        assertEquals(List.of(HOST), layer.ended(state));

        layer.returned(state, List.of(OTHER, NEW));

        hostsAre(List.of(HOST), List.of());
        assertArrayEquals(record, Files.readAllBytes(state.sm().resolve(HOST)));
        assertEquals(List.of(), layer.ended(state));
    }

    /** It asks for lockd's port before it unlocks what it does not have any more, and that tells nothing. */
    @Test
    void aConnectionWithAnythingButNfsdDoesNotTellThatItWasRestarted() throws Exception {
        statdMonitors(HOST);
        layer.expire(state, HOST, List.of(OLD));
        layer.returned(state, List.of(OLD, TcpPeer.parse("192.0.2.1:111 192.0.2.21:900").orElseThrow(),
                TcpPeer.parse("192.0.2.1:32768 192.0.2.21:901").orElseThrow()));
        hostsAre(List.of(), List.of());
        assertEquals(List.of(HOST), layer.ended(state));
    }

    /** It came back as it was, and took locks: they have to go the same way. */
    @Test
    void anEndedHostCanBeEndedAgain() throws Exception {
        statdMonitors(HOST);
        layer.expire(state, HOST, List.of(OLD));
        assertEquals(16, layer.monitor(state, HOST).get(0).procedure());

        assertTrue(layer.expire(state, HOST, List.of(NEW)));

        layer.returned(state, List.of(NEW));
        assertEquals(List.of(HOST), layer.ended(state), "it had this connection when it was ended");
        hostsAre(List.of(), List.of());
        layer.returned(state, List.of(OLD));
        hostsAre(List.of(HOST), List.of());
    }

    @Test
    void aRecordThatStatdMadeAnewIsTheRightOne() throws Exception {
        statdMonitors(HOST);
        layer.expire(state, HOST, List.of());
        Files.writeString(state.sm().resolve(HOST), "anew");

        layer.returned(state, List.of(NEW));

        assertEquals("anew", Files.readString(state.sm().resolve(HOST)));
        assertEquals(List.of(), layer.ended(state));
    }

    @Test
    void oneWhoseConnectionsCannotBeToldStaysMonitored() throws Exception {
        statdMonitors("client.example");
        layer.gather(state);

        assertFalse(layer.expire(state, "client.example", List.of()));

        hostsAre(List.of("client.example"), List.of());
        assertEquals(List.of(), layer.ended(state));
        assertTrue(layer.expire(state, "other.example", List.of()), "statd does not know this one");
    }
}
