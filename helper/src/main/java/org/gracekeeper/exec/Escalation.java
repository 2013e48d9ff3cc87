// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.commons.exec.ExecuteWatchdog;

/**
 * Ends a command and its descendants when its time is over: SIGTERM, after a while SIGKILL, and when not even that
 * helps, because it sleeps uninterruptibly in the kernel, lets the waiting thread go. (The watchdog of commons-exec
 * sends SIGTERM to the command itself and leaves it at that; and when the clock is set back meanwhile, it waits for longer by as
 * much.)
 */
final class Escalation extends ExecuteWatchdog {
    private final Duration timeout;
    private final Duration patience;
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread waiting = Thread.currentThread();
    private volatile Process process;
    private volatile boolean timedOut;
    private volatile boolean stuck;

    @SuppressWarnings("deprecation") // the builder cannot build a subclass
    Escalation(Duration timeout, Duration patience) {
        super(INFINITE_TIMEOUT);
        this.timeout = timeout;
        this.patience = patience;
    }

    @Override
    public synchronized void start(Process started) {
        process = started;
        super.start(started);
        Thread thread = new Thread(() -> limit(started), "time limit of a command");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public synchronized void stop() {
        over.countDown();
        super.stop();
    }

    private void limit(Process target) {
        try {
            if (over.await(timeout.toMillis(), TimeUnit.MILLISECONDS) || !target.isAlive()) {
                return;
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts this thread", e);
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
