// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.gracekeeper.model.ServiceName;

/** Work of one kind that is begun early in a service's start, beside what follows, and waited for late. Thread-safe. */
public final class Ahead<T> {
    private final String what;
    private final Map<ServiceName, FutureTask<T>> running = new ConcurrentHashMap<>();

    public Ahead(String what) {
        this.what = what;
    }

    public void begin(ServiceName name, Callable<T> work) {
        FutureTask<T> task = new FutureTask<>(work);
        running.put(name, task);
        Thread thread = new Thread(task, what + " of " + name);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Waits for what was begun and not waited for yet.
     *
     * @param failed what it means, for people, when it failed
     * @return what it came to; empty when nothing was begun
     * @throws IOException it failed
     */
    public Optional<T> await(ServiceName name, String failed) throws IOException, InterruptedException {
        FutureTask<T> task = running.remove(name);
        if (task == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(task.get());
        } catch (ExecutionException e) {
            throw new IOException(failed + ": " + e.getCause().getMessage(), e.getCause());
        }
    }

    public void forget(ServiceName name) {
        FutureTask<T> task = running.remove(name);
        if (task != null) {
            task.cancel(true);
        }
    }
}
