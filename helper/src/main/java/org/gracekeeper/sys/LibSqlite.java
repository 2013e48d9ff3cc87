// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.Library;
import com.sun.jna.Pointer;

/**
 * The functions of libsqlite3 in use. Handles are longs; strings are byte arrays that end with NUL, as in {@link Libc}.
 */
interface LibSqlite extends Library {
    int OK = 0;
    int ROW = 100;
    int DONE = 101;
    int OPEN_READONLY = 1;
    int OPEN_READWRITE = 2;
    int INTEGER = 1;
    int TEXT = 3;
    int NULL = 5;
    /** Destructor value that makes SQLite copy what is bound. */
    long TRANSIENT = -1;

    int sqlite3_open_v2(byte[] filename, long[] db, int flags, byte[] vfs);

    int sqlite3_close_v2(long db);

    int sqlite3_busy_timeout(long db, int millis);

    int sqlite3_exec(long db, byte[] sql, Pointer callback, Pointer argument, Pointer error);

    int sqlite3_prepare_v2(long db, byte[] sql, int bytes, long[] statement, long[] tail);

    int sqlite3_bind_blob(long statement, int index, byte[] value, int bytes, long destructor);

    int sqlite3_bind_zeroblob(long statement, int index, int bytes);

    int sqlite3_bind_text(long statement, int index, byte[] value, int bytes, long destructor);

    int sqlite3_bind_int64(long statement, int index, long value);

    int sqlite3_bind_null(long statement, int index);

    int sqlite3_step(long statement);

    int sqlite3_finalize(long statement);

    int sqlite3_column_count(long statement);

    int sqlite3_column_type(long statement, int column);

    long sqlite3_column_int64(long statement, int column);

    Pointer sqlite3_column_blob(long statement, int column);

    int sqlite3_column_bytes(long statement, int column);

    Pointer sqlite3_errmsg(long db);
}
