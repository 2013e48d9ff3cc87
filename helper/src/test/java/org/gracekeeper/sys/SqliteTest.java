// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteTest {
    @TempDir
    Path dir;

    private Path file;

    @BeforeEach
    void create() throws Exception {
        file = Files.createFile(dir.resolve("test.sqlite")); // an empty file is an empty database
        try (Sqlite db = Sqlite.open(file, false)) {
            db.exec("CREATE TABLE t (k INTEGER, b BLOB, s TEXT); INSERT INTO t VALUES (1, x'00ff', 'eins')");
        }
    }

    @Test
    void valuesComeBackAsTheyWere() throws Exception {
        byte[] blob = {0, 1, (byte) 0xff, 0};
        try (Sqlite db = Sqlite.open(file, false)) {
            db.run("INSERT INTO t VALUES (?, ?, ?)", Long.MIN_VALUE, blob, "\u00e4'\"");
            db.run("INSERT INTO t VALUES (?, ?, ?)", 3, new byte[0], null);

            List<List<Object>> rows = db.query("SELECT k, b, s FROM t WHERE k <> ? ORDER BY k", 1L);

            assertEquals(2, rows.size());
            assertEquals(Long.MIN_VALUE, rows.get(0).get(0));
            assertArrayEquals(blob, (byte[]) rows.get(0).get(1));
            assertEquals("\u00e4'\"", rows.get(0).get(2));
            assertArrayEquals(new byte[0], (byte[]) rows.get(1).get(1));
            assertNull(rows.get(1).get(2));
        }
    }

    @Test
    void neverMakesADatabase() {
        Path missing = dir.resolve("missing");

        assertThrows(SqliteException.class, () -> Sqlite.open(missing, false));
        assertFalse(Files.exists(missing));
    }

    @Test
    void readOnlyIsReadOnly() throws Exception {
        try (Sqlite db = Sqlite.open(file, true)) {
            SqliteException e = assertThrows(SqliteException.class, () -> db.run("DELETE FROM t"));
            assertTrue(e.getMessage().contains("readonly"), e.getMessage());
        }
    }

    @Test
    void aLockOfSomebodyElseIsBusyAfterTheTimeout() throws Exception {
        try (Sqlite holder = Sqlite.open(file, false); Sqlite db = Sqlite.open(file, false)) {
            holder.exec("BEGIN EXCLUSIVE");
            db.busyTimeout(Duration.ofMillis(20));

            SqliteException e = assertThrows(SqliteException.class, () -> db.query("SELECT * FROM t"));

            assertEquals(SqliteException.SQLITE_BUSY, e.code());
        }
    }

    @Test
    void closingRollsBack() throws Exception {
        try (Sqlite db = Sqlite.open(file, false)) {
            db.exec("BEGIN IMMEDIATE");
            db.run("DELETE FROM t");
        }
        try (Sqlite db = Sqlite.open(file, true)) {
            assertEquals(1, db.query("SELECT * FROM t").size());
        }
    }

    @Test
    void mistakesAreTyped() throws Exception {
        try (Sqlite db = Sqlite.open(file, false)) {
            assertThrows(SqliteException.class, () -> db.exec("NO SQL"));
            assertThrows(SqliteException.class, () -> db.query("SELECT ? FROM t", 1L, 2L));
            assertThrows(IllegalArgumentException.class, () -> db.query("SELECT ?", new Object()));
        }
        Sqlite closed = Sqlite.open(file, true);
        closed.close();
        closed.close();
        assertThrows(IllegalStateException.class, () -> closed.query("SELECT 1"));
        Path garbage = Files.writeString(dir.resolve("garbage"), "this is no database at all, but long enough");
        try (Sqlite db = Sqlite.open(garbage, true)) {
            assertThrows(SqliteException.class, () -> db.query("SELECT * FROM sqlite_master"));
        }
    }
}
