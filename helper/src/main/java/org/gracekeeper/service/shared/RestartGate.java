// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.task.Step;

/**
 * Between those who look at what the node's nfsd and statd know, and the restart that makes them forget it: a look that began
 * before and ended after would find nobody. And who would come between a restart's first look and its end would not be known to
 * it. Thread-safe.
 */
public final class RestartGate {
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock(true);
    /** Odd while a restart goes on. */
    private final AtomicLong changes = new AtomicLong();

    /** Waits for the end of a restart. */
    void look(Step step) throws IOException, InterruptedException {
        lock.readLock().lockInterruptibly();
        try {
            step.run();
        } finally {
            lock.readLock().unlock();
        }
    }

    /** How clients are let in. */
    @FunctionalInterface
    interface Opening {
        void run() throws IOException, OcfException, InterruptedException;
    }

    /** Lets clients in. Waits for the end of a restart. */
    void open(Opening opening) throws IOException, OcfException, InterruptedException {
        lock.readLock().lockInterruptibly();
        try {
            opening.run();
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Does nothing while a restart goes on: for who looks again before long, and has no time to wait. */
    void tryLook(Step step) throws IOException, InterruptedException {
        if (lock.readLock().tryLock()) {
            try {
                step.run();
            } finally {
                lock.readLock().unlock();
            }
        }
    }

    void restart(Step step) throws IOException, InterruptedException {
        lock.writeLock().lockInterruptibly();
        changes.incrementAndGet();
        try {
            step.run();
        } finally {
            changes.incrementAndGet();
            lock.writeLock().unlock();
        }
    }

    /** For a look that waits for nobody, before it: what {@link #disturbed} is to be asked with afterwards. */
    long mark() {
        return changes.get();
    }

    /** Whether a restart has gone on since that mark, be it for a moment: an nfsd that was not there then is no fault. */
    boolean disturbed(long mark) {
        return mark % 2 != 0 || changes.get() != mark;
    }
}
