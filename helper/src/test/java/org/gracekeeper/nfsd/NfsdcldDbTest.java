// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Sqlite;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a database made with the statements of nfs-utils, utils/nfsdcld/sqlite.c. */
class NfsdcldDbTest {
    private static final String MARK = HexFormat.of().formatHex(id("mark"));

    @TempDir
    Path dir;

    private Path file;
    private NfsdcldDb db;

    @BeforeEach
    void create() throws Exception {
        file = Files.createFile(dir.resolve("main.sqlite"));
        db = new NfsdcldDb(file);
        sql("CREATE TABLE parameters (key TEXT PRIMARY KEY, value TEXT);"
                + "CREATE TABLE grace (current INTEGER , recovery INTEGER);"
                + "INSERT OR FAIL INTO grace values (1, 0);"
                + "CREATE TABLE \"rec-0000000000000001\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "INSERT OR FAIL INTO parameters values (\"version\", \"4\");"
                + "INSERT OR FAIL INTO parameters values (\"first_time\", \"1\");");
    }

    @Test
    void withoutGraceNobodyIsMissing() throws Exception {
        assertEquals(new NfsdcldDb.Epochs(1, 0), db.epochs());
        assertEquals(new NfsdcldDb.Recovery(Set.of(), Set.of()), db.recovery());
    }

    @Test
    void duringGraceBothSetsAreTold() throws Exception {
        assertEquals(Set.of("61", "620063"), db.record(List.of(id("a"), id("b\0c"), id("a"))));
        graceStart(17);
        assertEquals(new NfsdcldDb.Recovery(Set.of("61", "620063"), Set.of()), db.recovery());

        assertEquals(Set.of("61"), db.record(List.of(id("a"))));
        assertEquals(Set.of(), db.record(List.of(id("a"))), "already there");
        assertEquals(Set.of(), db.record(List.of()));

        assertEquals(new NfsdcldDb.Recovery(Set.of("61", "620063"), Set.of("61")), db.recovery());
        sql("UPDATE grace SET recovery = \"0\";"); // GraceDone
        assertEquals(new NfsdcldDb.Epochs(17, 0), db.epochs());
        assertEquals(new NfsdcldDb.Recovery(Set.of(), Set.of("61")), db.recovery());
    }

    @Test
    void whoMayReclaimNextIsRecordedNowOrLeftOfAnUnfinishedRecovery() throws Exception {
        assertEquals(Set.of(), db.reclaimers());
        db.record(List.of(id("a")));
        assertEquals(Set.of("61"), db.reclaimers());
        graceStart(17);
        assertEquals(Set.of("61"), db.reclaimers());
        sql("UPDATE grace SET recovery = \"0\";");
        assertEquals(Set.of(), db.reclaimers());
    }

    @Test
    void whoIsRecordedForTheNextStartIsThereWhetherARecoveryEndsBeforeItOrNot() throws Exception {
        db.recordForNextStart(List.of(id("a"), id("a")));
        assertEquals(Set.of("61"), db.reclaimers());
        graceStart(17);
        db.recordForNextStart(List.of(id("b")));
        assertEquals(Set.of("61", "62"), db.reclaimers());
        sql("UPDATE grace SET recovery = \"0\";");
        assertEquals(Set.of("62"), db.reclaimers());
    }

    @Test
    void whoIsForgottenMayNotReclaimNowOrLater() throws Exception {
        db.record(List.of(id("a"), id("b")));
        assertTrue(db.forget(id("a")));
        assertFalse(db.forget(id("a")));
        graceStart(17);
        db.record(List.of(id("b"), id("c")));
        assertEquals(new NfsdcldDb.Recovery(Set.of("62"), Set.of("62", "63")), db.recovery());

        assertTrue(db.forget(id("b")));

        assertEquals(new NfsdcldDb.Recovery(Set.of(), Set.of("63")), db.recovery());
    }

    @Test
    void whatWasRecordedForAStartThatIsGivenUpIsTakenBack() throws Exception {
        db.record(List.of(id("a")));
        List<NfsdcldDb.Entry> made = recordForNextStart("a", "b", "c", "mark");
        assertEquals(List.of("62", "63", MARK), made.stream().map(NfsdcldDb.Entry::owner).toList());

        assertEquals(2, db.takeBack(made, MARK::equals, () -> Set.of("63")));

        assertEquals(Set.of("61", "63"), db.reclaimers(), "one was there before, and one has come meanwhile");
        assertEquals(0, db.takeBack(made, MARK::equals, Set::of), "there is nothing that was made");
    }

    /** Also from among those that may reclaim now, and nobody who was there. */
    @Test
    void itIsTakenBackInARecovery() throws Exception {
        db.record(List.of(id("a")));
        graceStart(17);
        List<NfsdcldDb.Entry> made = recordForNextStart("a", "mark");

        assertEquals(3, db.takeBack(made, MARK::equals, Set::of));

        assertEquals(new NfsdcldDb.Recovery(Set.of("61"), Set.of()), db.recovery());
    }

    @Test
    void afterAStartItStays() throws Exception {
        List<NfsdcldDb.Entry> made = recordForNextStart("b", "mark");
        graceStart(17);
        assertEquals(0, db.takeBack(made, MARK::equals, Set::of));
        assertEquals(Set.of("62", MARK), db.reclaimers());

        // A start in a recovery goes on with it: the same tables.
        made = recordForNextStart("c", "mark");
        sql("DELETE FROM \"rec-0000000000000011\"");
        assertEquals(0, db.takeBack(made, MARK::equals, Set::of));
        assertEquals(Set.of("62", "63", MARK), db.reclaimers());
    }

    @Test
    void ofWhatCannotBeToldNothingIsMade() throws Exception {
        assertThrows(IOException.class, () -> db.recordForNextStart(List.of(id("a")), entries -> {
            throw new IOException("no space");
        }));
        assertEquals(Set.of(), db.reclaimers());
    }

    private List<NfsdcldDb.Entry> recordForNextStart(String... owners) throws Exception {
        List<NfsdcldDb.Entry> made = new ArrayList<>();
        db.recordForNextStart(Stream.of(owners).map(NfsdcldDbTest::id).toList(), made::addAll);
        return made;
    }

    @Test
    void aRecoveryIsEndedAsNfsdcldDoesAndNoOther() throws Exception {
        db.record(List.of(id("a")));
        graceStart(17);
        db.record(List.of(id("b")));

        db.endRecovery(16);
        assertEquals(new NfsdcldDb.Epochs(17, 1), db.epochs());
        db.endRecovery(1);

        assertEquals(new NfsdcldDb.Epochs(17, 0), db.epochs());
        assertEquals(Set.of("62"), db.reclaimers());
        db.endRecovery(1);
        db.endRecovery(0);
        try (Sqlite s = Sqlite.open(file, true)) {
            assertEquals(List.of(), s.query("SELECT name FROM sqlite_master WHERE name = 'rec-0000000000000001'"));
        }
    }

    @Test
    void whoIsNotRetainedMayNotReclaimLater() throws Exception {
        db.record(List.of(id("a"), id("b"), id("c")));

        assertEquals(Set.of("61", "63"), db.retain(1, () -> Set.of("62", "64")));

        assertEquals(new NfsdcldDb.Recovery(Set.of(), Set.of("62")), db.recovery());
        assertEquals(Set.of(), db.retain(1, () -> Set.of("62")));
        assertEquals(Set.of(), db.retain(2, Set::of), "of an epoch that is not this one");
    }

    /** Its record and its client may both be new. */
    @Test
    void nobodyIsRecordedWhileThoseThatStayAreLookedFor() throws Exception {
        db.record(List.of(id("a")));
        assertEquals(Set.of("61"), db.retain(1, () -> {
            try (Sqlite nfsdcld = Sqlite.open(file, false)) {
                assertThrows(IOException.class, () -> nfsdcld.exec("INSERT INTO \"rec-0000000000000001\" (id) VALUES (x'62')"));
            }
            return Set.of();
        }));
    }

    @Test
    void whatCannotBeLookedForStays() throws Exception {
        db.record(List.of(id("a")));
        assertThrows(IOException.class, () -> db.retain(1, () -> {
            throw new IOException("no such process");
        }));
        assertEquals(Set.of("61"), db.reclaimers());
    }

    @Test
    void aRecordKeepsItsPrincipal() throws Exception {
        sql("INSERT INTO \"rec-0000000000000001\" VALUES (x'61', x'beef')");

        assertEquals(Set.of(), db.record(List.of(id("a"))));

        try (Sqlite s = Sqlite.open(file, true)) {
            assertArrayEquals(new byte[] {(byte) 0xbe, (byte) 0xef},
                    (byte[]) s.query("SELECT princhash FROM \"rec-0000000000000001\"").get(0).get(0));
        }
    }

    @Test
    void anUnknownSchemaIsRefused() throws Exception {
        sql("UPDATE parameters SET value = '5' WHERE key = 'version'");

        assertThrows(NfsdcldDb.OtherSchemaException.class, db::epochs);
        assertThrows(NfsdcldDb.OtherSchemaException.class, () -> db.record(List.of(id("a"))));
        sql("DELETE FROM parameters");
        assertThrows(UnexpectedFormatException.class, db::epochs);
    }

    @Test
    void brokenEpochsAreTypedAndNothingIsMade() throws Exception {
        sql("UPDATE grace SET current = 7");
        assertThrows(IOException.class, () -> db.record(List.of(id("a"))), "no table of that epoch");
        sql("DELETE FROM grace");
        assertThrows(UnexpectedFormatException.class, db::epochs);
        assertThrows(IOException.class, () -> new NfsdcldDb(dir.resolve("none")).epochs());
        assertFalse(Files.exists(dir.resolve("none")));
        try (Sqlite s = Sqlite.open(file, true)) {
            assertEquals(3, s.query("SELECT name FROM sqlite_master WHERE type = 'table'").size());
        }
    }

    @Test
    void aCopyIsADatabaseOfItsOwn() throws Exception {
        db.record(List.of(id("a")));
        graceStart(17);
        Path copy = dir.resolve("copy.sqlite");
        db.copy(copy);
        sql("UPDATE grace SET recovery = \"0\"; DROP TABLE \"rec-0000000000000001\";");

        assertEquals(new NfsdcldDb.Recovery(Set.of("61"), Set.of()), new NfsdcldDb(copy).recovery());
        assertThrows(IOException.class, () -> db.copy(copy), "it exists");
    }

    @Test
    void readersDoNotDisturbNfsdcld() throws Exception {
        try (Sqlite nfsdcld = Sqlite.open(file, false)) {
            for (int i = 0; i < 20; i++) {
                db.recovery();
                nfsdcld.exec("BEGIN EXCLUSIVE TRANSACTION; COMMIT;"); // no busy timeout: fails on any lock left
                db.record(List.of(id("x" + i)));
            }
        }
    }

    /** What the power leaves that goes while nfsdcld writes: a journal by which the next to open the database takes that back. */
    @Test
    void whatWasCutShortIsTakenBackByReadersToo() throws Exception {
        db.record(List.of(id("a")));
        try (Sqlite nfsdcld = Sqlite.open(file, false)) {
            nfsdcld.query("PRAGMA cache_size = 1");
            nfsdcld.exec("BEGIN EXCLUSIVE TRANSACTION");
            for (int i = 0; i < 50; i++) {
                nfsdcld.run("INSERT INTO \"rec-0000000000000001\" (id) VALUES (?)", (Object) new byte[500 + i]);
            }
            for (String each : List.of("", "-journal")) {
                Files.copy(dir.resolve("main.sqlite" + each), dir.resolve("cut.sqlite" + each));
            }
        }
        Path journal = dir.resolve("cut.sqlite-journal");
        assertTrue(Files.size(journal) > 4096, "nothing of it would have reached the disk");

        assertEquals(Set.of("61"), new NfsdcldDb(dir.resolve("cut.sqlite")).reclaimers());
        assertFalse(Files.exists(journal));
    }

    private void graceStart(long current) throws Exception {
        sql("UPDATE grace SET current = " + current + ", recovery = 1;"
                + String.format("CREATE TABLE \"rec-%016x\" (id BLOB PRIMARY KEY, princhash blob);", current));
    }

    private void sql(String statements) throws Exception {
        try (Sqlite s = Sqlite.open(file, false)) {
            s.exec(statements);
        }
    }

    private static byte[] id(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }
}
