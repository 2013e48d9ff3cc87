// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.FutureTask;
import org.gracekeeper.model.ServiceName;

/** Work of one kind that is begun early in a service's start, beside what follows, and waited for late. Thread-safe. */
final class Ahead<T> {
    private final String what;
    private final Map<ServiceName, FutureTask<T>> running = new ConcurrentHashMap<>();

    Ahead(String what) {
        this.what = what;
    }

    void begin(ServiceName name, Callable<T> work) {
        FutureTask<T> task = new FutureTask<>(work);
        running.put(name, task);
        Thread thread = new Thread(task, what + " of " + name);
        thread.setDaemon(true);
        thread.start();
    }

    /** What was begun and not taken yet, or null. */
    FutureTask<T> take(ServiceName name) {
        return running.remove(name);
    }

    void forget(ServiceName name) {
        FutureTask<T> task = take(name);
        if (task != null) {
            task.cancel(true);
        }
    }
}
