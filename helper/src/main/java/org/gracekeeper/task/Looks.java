// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.time.Duration;

/** A thread of the helper's own that looks at all services again and again, as long as the helper lives. */
public final class Looks {
    private static final System.Logger LOG = System.getLogger(Looks.class.getName());

    private Looks() {}

    /**
     * @param pause before each look
     * @param first what the thread does before all
     * @param look one that throws is followed by the next all the same
     */
    public static void start(String name, Duration pause, Runnable first, Runnable look) {
        Thread thread = new Thread(() -> {
            first.run();
            try {
                while (true) {
                    Thread.sleep(pause.toMillis());
                    attempt(name, look);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Where no thread can be made that is an Error, which ends no Java runtime by itself (-XX:+ExitOnOutOfMemoryError is not for it). */
    private static void attempt(String name, Runnable look) {
        try {
            look.run();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, name + ": a look has failed, the next one follows: " + e);
        }
    }
}
