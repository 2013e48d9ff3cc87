// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.io.IOException;

/** Starts threads on a node that may be short of them for a moment. */
public final class Threads {
    private Threads() {
    }

    /**
     * Starts it.
     *
     * @throws IOException it cannot be made now. To Java that is an Error: it would end whoever goes on past exceptions alone, and
     *     no runtime by itself, as {@code -XX:+ExitOnOutOfMemoryError} is not for it
     */
    public static void start(Thread thread) throws IOException {
        try {
            thread.start();
        } catch (OutOfMemoryError e) {
            throw new IOException(thread.getName() + ": no thread can be started for it: this node, or gracekeeperd.service, is short"
                    + " of threads or memory", e);
        }
    }
}
