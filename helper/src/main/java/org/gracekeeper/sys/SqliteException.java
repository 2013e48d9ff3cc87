// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.io.IOException;

/** SQLite refused something. */
public final class SqliteException extends IOException {
    public static final int SQLITE_BUSY = 5;
    private static final int SQLITE_ERROR = 1;
    private static final int SQLITE_CORRUPT = 11;
    private static final int SQLITE_NOTADB = 26;

    private static final long serialVersionUID = 1L;

    private final int code;

    SqliteException(int code, String message) {
        super(message);
        this.code = code;
    }

    /** Primary result code of sqlite3.h, e.g. {@link #SQLITE_BUSY}. */
    public int code() {
        return code;
    }

    /** Whether the file is no database, or not the one that statements were written for: a table is missing. */
    public boolean isDamage() {
        return code == SQLITE_ERROR || code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    }
}
