// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Between those who read what the node's nfsd and statd know, and the restart that makes them forget it: a look that began before
 * and ended after would find nobody. Thread-safe.
 */
final class RestartGate {
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock(true);

    void look(Step step) throws IOException, InterruptedException {
        lock.readLock().lockInterruptibly();
        try {
            step.run();
        } finally {
            lock.readLock().unlock();
        }
    }

    void restart(Step step) throws IOException, InterruptedException {
        lock.writeLock().lockInterruptibly();
        try {
            step.run();
        } finally {
            lock.writeLock().unlock();
        }
    }
}
