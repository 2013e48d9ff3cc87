// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.time.Duration;

/** A thread of the helper's own that looks at all services again and again, as long as the helper lives. */
public final class Looks {
    private Looks() {}

    /**
     * @param pause before each look
     * @param first what the thread does before all
     * @param look throws nothing
     */
    public static void start(String name, Duration pause, Runnable first, Runnable look) {
        Thread thread = new Thread(() -> {
            first.run();
            try {
                while (true) {
                    Thread.sleep(pause.toMillis());
                    look.run();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
    }
}
