// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.task.Deadline;

/** Lets one action at a time work on a service. Thread-safe. */
public final class ServiceSlot {
    private final ServiceName name;
    private final ReentrantLock lock = new ReentrantLock(true);
    private final Object guard = new Object();
    private Thread preemptible;
    private int stops;

    ServiceSlot(ServiceName name) {
        this.name = name;
    }

    /**
     * @param canBePreempted whether a stop may interrupt the calling thread until {@link #release}
     * @throws OcfException (GENERIC) when another action has it until the deadline, or a stop has come meanwhile that may
     *     preempt this one
     */
    public void acquire(Deadline deadline, boolean canBePreempted) throws OcfException, InterruptedException {
        acquire(deadline, canBePreempted, stops());
    }

    /** How many stops have come so far. */
    public int stops() {
        synchronized (guard) {
            return stops;
        }
    }

    /** @param before {@link #stops} when the action was asked for, where it did something else first */
    public void acquire(Deadline deadline, boolean canBePreempted, int before) throws OcfException, InterruptedException {
        if (!lock.tryLock(deadline.remaining().toMillis(), TimeUnit.MILLISECONDS)) {
            throw new OcfException(OcfCode.GENERIC, "another action on service " + name + " did not end in time: see"
                    + " journalctl -u gracekeeperd");
        }
        if (canBePreempted) {
            synchronized (guard) {
                if (stops != before) {
                    lock.unlock();
                    throw new OcfException(OcfCode.GENERIC, "an action on service " + name + " was given up for a stop");
                }
                preemptible = Thread.currentThread();
            }
        }
    }

    /** Takes it if no action has it now or waits for it, to be preempted by a stop. */
    boolean tryAcquire() {
        int before = stops();
        // A stop that waits has interrupted whoever it could, and would not interrupt who comes now.
        if (lock.hasQueuedThreads() || !lock.tryLock()) {
            return false;
        }
        synchronized (guard) {
            if (stops != before) {
                lock.unlock();
                return false;
            }
            preemptible = Thread.currentThread();
        }
        return true;
    }

    public void release() {
        synchronized (guard) {
            preemptible = null;
            // An interrupt that came after the work was done must not reach what the thread does next.
            Thread.interrupted();
        }
        lock.unlock();
    }

    /** Interrupts the action that has the slot, if it can be; those that wait for it, and can be, give up. */
    public void preempt() {
        synchronized (guard) {
            stops++;
            if (preemptible != null && preemptible != Thread.currentThread()) {
                preemptible.interrupt();
            }
        }
    }
}
