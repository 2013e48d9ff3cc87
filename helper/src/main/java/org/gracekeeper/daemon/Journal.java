// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Log lines to standard error with the priority prefix that journald reads (sd-daemon(3)). */
final class Journal extends Handler {
    private final Formatter messages = new Formatter() {
        @Override
        public String format(LogRecord record) {
            return formatMessage(record);
        }
    };

    private Journal() {}

    static void install() {
        Logger root = Logger.getLogger("");
        for (Handler handler : root.getHandlers()) {
            root.removeHandler(handler);
        }
        root.addHandler(new Journal());
        Level level = System.getenv("GRACEKEEPER_DEBUG") == null ? Level.INFO : Level.FINE;
        Logger.getLogger("org.gracekeeper").setLevel(level);
    }

    @Override
    public void publish(LogRecord record) {
        String text = "<" + priority(record.getLevel()) + ">" + messages.formatMessage(record).replace('\n', ' ');
        Throwable thrown = record.getThrown();
        if (thrown != null && (record.getLevel().intValue() >= Level.SEVERE.intValue()
                || thrown instanceof RuntimeException)) {
            StackTraceElement[] trace = thrown.getStackTrace();
            text += " (" + thrown + (trace.length > 0 ? " at " + trace[0] : "") + ")";
        }
        synchronized (this) {
            System.err.println(text);
        }
    }

    private static int priority(Level level) {
        if (level.intValue() >= Level.SEVERE.intValue()) {
            return 3;
        }
        if (level.intValue() >= Level.WARNING.intValue()) {
            return 4;
        }
        return level.intValue() >= Level.INFO.intValue() ? 6 : 7;
    }

    @Override
    public void flush() {
        System.err.flush();
    }

    @Override
    public void close() {
        // Standard error stays open.
    }
}
