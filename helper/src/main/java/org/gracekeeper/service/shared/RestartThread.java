// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.gracekeeper.task.Deadline;

/** A thread for a restart of nfsd, which goes on whoever gives up waiting for it. Thread-safe. */
final class RestartThread {
    private static final System.Logger LOG = System.getLogger(RestartThread.class.getName());

    private final CompletableFuture<Void> served = new CompletableFuture<>();

    private RestartThread() {}

    /** What it does. */
    @FunctionalInterface
    interface Work {
        /** @param served may be run before its end: what comes then is waited for by nobody */
        void run(Runnable served) throws IOException, InterruptedException;
    }

    static RestartThread begin(String name, Work work) {
        RestartThread begun = new RestartThread();
        Thread thread = new Thread(() -> begun.run(work), name);
        thread.setDaemon(true);
        thread.start();
        return begun;
    }

    private void run(Work work) {
        try {
            work.run(() -> served.complete(null));
            served.complete(null);
        } catch (Throwable e) { // whatever it is, somebody waits for it
            if (!served.completeExceptionally(e)) {
                LOG.log(System.Logger.Level.ERROR, "restart of nfsd: " + e, e);
            }
        }
    }

    /** @throws IOException the work's, or that it is not done by the deadline; it goes on */
    void await(Deadline deadline) throws IOException, InterruptedException {
        try {
            served.get(deadline.remaining().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException("restart of nfsd: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("nfsd had not restarted when the action's time was over; that goes on: raise the timeout", e);
        }
    }
}
