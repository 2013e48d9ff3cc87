// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * The functions of libsqlite3 in use. Handles are longs; strings are byte arrays that end with NUL, as in {@link Libc}.
 */
final class LibSqlite {
    static final int OK = 0;
    static final int ROW = 100;
    static final int DONE = 101;
    static final int OPEN_READONLY = 1;
    static final int OPEN_READWRITE = 2;
    static final int INTEGER = 1;
    static final int TEXT = 3;
    static final int NULL = 5;
    /** Destructor value that makes SQLite copy what is bound. */
    static final long TRANSIENT = -1;

    static {
        Native.register(LibSqlite.class, "libsqlite3.so.0");
    }

    native int sqlite3_open_v2(byte[] filename, long[] db, int flags, byte[] vfs);

    native int sqlite3_close_v2(long db);

    native int sqlite3_busy_timeout(long db, int millis);

    native int sqlite3_exec(long db, byte[] sql, Pointer callback, Pointer argument, Pointer error);

    native int sqlite3_prepare_v2(long db, byte[] sql, int bytes, long[] statement, long[] tail);

    native int sqlite3_bind_blob(long statement, int index, byte[] value, int bytes, long destructor);

    native int sqlite3_bind_zeroblob(long statement, int index, int bytes);

    native int sqlite3_bind_text(long statement, int index, byte[] value, int bytes, long destructor);

    native int sqlite3_bind_int64(long statement, int index, long value);

    native int sqlite3_bind_null(long statement, int index);

    native int sqlite3_step(long statement);

    native int sqlite3_finalize(long statement);

    native int sqlite3_column_count(long statement);

    native int sqlite3_column_type(long statement, int column);

    native long sqlite3_column_int64(long statement, int column);

    native Pointer sqlite3_column_blob(long statement, int column);

    native int sqlite3_column_bytes(long statement, int column);

    native Pointer sqlite3_errmsg(long db);
}
