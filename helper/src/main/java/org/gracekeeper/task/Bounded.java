// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs one step of a stop on a thread of its own, so that a step that hangs in the kernel does not hang the stop. */
public final class Bounded {
    /** More than it takes a step that waits for something stuck elsewhere to leave that behind ({@code Namespaces.call}). */
    private static final Duration LAST_WORDS = Duration.ofSeconds(3);

    private Bounded() {}

    private static final class StepThread extends Thread {
        private final Thread waiting = Thread.currentThread();
        private volatile boolean leftBehind;

        private StepThread(FutureTask<Void> task, String what) {
            super(task, what);
            setDaemon(true);
        }

        private boolean isAwaited() {
            return !leftBehind && (!(waiting instanceof StepThread step) || step.isAwaited());
        }
    }

    /**
     * @param limit a step that takes longer is interrupted, and has as long again, but no more than 3 s, to end
     * @throws IOException the step's own, or that it took longer than {@code limit}; one that has not ended is then left behind
     */
    public static void run(String what, Duration limit, Step step) throws IOException, InterruptedException {
        FutureTask<Void> task = new FutureTask<>(() -> {
            step.run();
            return null;
        });
        StepThread thread = new StepThread(task, what);
        Threads.start(thread);
        try {
            task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            end(task, thread, limit);
            throw new IOException(what + " did not end within " + limit.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            end(task, thread, limit);
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IOException(what + ": " + e.getCause(), e.getCause());
        }
    }

    private static void end(FutureTask<Void> task, StepThread thread, Duration limit) throws InterruptedException {
        task.cancel(true);
        try {
            Duration patience = limit.compareTo(LAST_WORDS) < 0 ? limit : LAST_WORDS;
            thread.join(Math.max(1, patience.toMillis()));
        } finally {
            thread.leftBehind = true;
        }
    }

    /**
     * For all that changes something: a step that hung, and gets out when the stop has gone on without it, would change what came
     * after it, the service's next start on this node even.
     *
     * @throws InterruptedIOException the calling thread's step was left behind
     */
    public static void requireAwaited() throws InterruptedIOException {
        if (Thread.currentThread() instanceof StepThread step && !step.isAwaited()) {
            throw new InterruptedIOException(step.getName() + ": nobody waits for it any more");
        }
    }
}
