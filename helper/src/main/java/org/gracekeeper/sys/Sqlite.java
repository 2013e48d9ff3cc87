// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * An SQLite database, through libsqlite3.so.0, which nfsdcld needs and so is on every node. Values are {@code byte[]}
 * (blob), {@code Long}, {@code String} or null. One thread at a time.
 */
public final class Sqlite implements AutoCloseable {
    private static final class Holder {
        private static final LibSqlite LIB = new LibSqlite();
    }

    private final LibSqlite lib;
    private final Path file;
    private long db;

    private Sqlite(LibSqlite lib, Path file, long db) {
        this.lib = lib;
        this.file = file;
        this.db = db;
    }

    /**
     * Opens an existing database; never makes one. A database with a hot rollback journal needs {@code readOnly} false,
     * or write permission all the same, to be rolled back.
     */
    public static Sqlite open(Path file, boolean readOnly) throws SqliteException {
        LibSqlite lib = Holder.LIB;
        long[] handle = new long[1];
        int flags = readOnly ? LibSqlite.OPEN_READONLY : LibSqlite.OPEN_READWRITE;
        int rc = lib.sqlite3_open_v2(NativeCalls.cString(file), handle, flags, null);
        Sqlite opened = new Sqlite(lib, file, handle[0]);
        if (rc != LibSqlite.OK) {
            SqliteException e = opened.failure(rc, "open");
            opened.close();
            throw e;
        }
        return opened;
    }

    /** How long a call waits for another process's lock before it fails with SQLITE_BUSY. */
    public void busyTimeout(Duration timeout) throws SqliteException {
        check(lib.sqlite3_busy_timeout(handle(), Math.toIntExact(timeout.toMillis())), "busy_timeout");
    }

    /** Runs statements without values and results, e.g. {@code BEGIN IMMEDIATE}. */
    public void exec(String sql) throws SqliteException {
        check(lib.sqlite3_exec(handle(), NativeCalls.cString(sql), null, null, null), sql);
    }

    /** Runs one statement and returns its rows. */
    public List<List<Object>> query(String sql, Object... binds) throws SqliteException {
        long[] statement = new long[1];
        check(lib.sqlite3_prepare_v2(handle(), NativeCalls.cString(sql), -1, statement, null), sql);
        try {
            for (int i = 0; i < binds.length; i++) {
                check(bind(statement[0], i + 1, binds[i]), sql);
            }
            return rows(statement[0], sql);
        } finally {
            lib.sqlite3_finalize(statement[0]);
        }
    }

    /** Runs one statement that has no rows. */
    public void run(String sql, Object... binds) throws SqliteException {
        query(sql, binds);
    }

    /** Closes the database; what was not committed is rolled back. Harmless when repeated. */
    @Override
    public void close() {
        lib.sqlite3_close_v2(db);
        db = 0;
    }

    private List<List<Object>> rows(long statement, String sql) throws SqliteException {
        List<List<Object>> rows = new ArrayList<>();
        int columns = lib.sqlite3_column_count(statement);
        while (true) {
            int rc = lib.sqlite3_step(statement);
            if (rc == LibSqlite.DONE) {
                return rows;
            }
            if (rc != LibSqlite.ROW) {
                throw failure(rc, sql);
            }
            List<Object> row = new ArrayList<>(columns);
            for (int i = 0; i < columns; i++) {
                row.add(column(statement, i));
            }
            rows.add(row);
        }
    }

    private Object column(long statement, int index) {
        int type = lib.sqlite3_column_type(statement, index);
        if (type == LibSqlite.INTEGER) {
            return lib.sqlite3_column_int64(statement, index);
        }
        if (type == LibSqlite.NULL) {
            return null;
        }
        Pointer blob = lib.sqlite3_column_blob(statement, index);
        int length = lib.sqlite3_column_bytes(statement, index); // after _blob, which may convert
        byte[] value = length == 0 ? new byte[0] : blob.getByteArray(0, length);
        return type == LibSqlite.TEXT ? new String(value, StandardCharsets.UTF_8) : value;
    }

    private int bind(long statement, int index, Object value) {
        if (value == null) {
            return lib.sqlite3_bind_null(statement, index);
        }
        if (value instanceof byte[] blob) {
            return blob.length == 0 ? lib.sqlite3_bind_zeroblob(statement, index, 0)
                    : lib.sqlite3_bind_blob(statement, index, blob, blob.length, LibSqlite.TRANSIENT);
        }
        if (value instanceof String text) {
            byte[] bytes = NativeCalls.cString(text);
            return lib.sqlite3_bind_text(statement, index, bytes, bytes.length - 1, LibSqlite.TRANSIENT);
        }
        if (value instanceof Long || value instanceof Integer) {
            return lib.sqlite3_bind_int64(statement, index, ((Number) value).longValue());
        }
        throw new IllegalArgumentException("cannot bind a " + value.getClass().getName());
    }

    private long handle() {
        if (db == 0) {
            throw new IllegalStateException("closed: " + file);
        }
        return db;
    }

    private void check(int rc, String what) throws SqliteException {
        if (rc != LibSqlite.OK) {
            throw failure(rc, what);
        }
    }

    private SqliteException failure(int rc, String what) {
        Pointer text = db == 0 ? null : lib.sqlite3_errmsg(db);
        String reason = text == null ? "error " + rc : text.getString(0, "UTF-8");
        return new SqliteException(rc & 0xff, "sqlite " + file + ": " + what + ": " + reason);
    }
}
