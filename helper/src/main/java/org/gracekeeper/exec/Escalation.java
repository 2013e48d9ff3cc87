// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.commons.exec.ExecuteWatchdog;
import org.apache.commons.exec.Watchdog;

/**
 * Ends a command and its descendants when its time is over: SIGTERM, after a while SIGKILL, and when not even that
 * helps, because it sleeps uninterruptibly in the kernel, lets the waiting thread go. (The watchdog of commons-exec
 * sends SIGTERM to the command itself and leaves it at that.)
 */
final class Escalation extends ExecuteWatchdog {
    private final Duration patience;
    private final Thread waiting = Thread.currentThread();
    private volatile Process process;
    private volatile boolean timedOut;
    private volatile boolean stuck;

    @SuppressWarnings("deprecation") // the builder cannot build a subclass
    Escalation(Duration timeout, Duration patience) {
        super(Math.max(1, timeout.toMillis()));
        this.patience = patience;
    }

    @Override
    public synchronized void start(Process started) {
        process = started;
        super.start(started);
    }

    /** Runs on the watchdog's thread. Not synchronized: the executor must be able to stop the watchdog meanwhile. */
    @Override
    public void timeoutOccured(Watchdog watchdog) {
        Process target = process;
        if (target == null || !target.isAlive()) {
            return;
        }
        timedOut = true;
        if (!end(target, patience)) {
            stuck = true;
            waiting.interrupt();
        }
    }

    /** Whether the process went; descendants are signalled but not waited for. */
    static boolean end(Process target, Duration patience) {
        target.descendants().forEach(ProcessHandle::destroy);
        target.destroy();
        if (ended(target, patience)) {
            return true;
        }
        Stream.concat(target.descendants(), Stream.of(target.toHandle())).forEach(ProcessHandle::destroyForcibly);
        return ended(target, patience);
    }

    private static boolean ended(Process target, Duration patience) {
        try {
            return target.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return !target.isAlive();
        }
    }

    Process process() {
        return process;
    }

    boolean timedOut() {
        return timedOut;
    }

    boolean stuck() {
        return stuck;
    }
}
