// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.Test;

class ServiceSlotTest {
    private final ServiceSlot slot = new ServiceSlot(new ServiceName("a"));

    @Test
    void aStopInterruptsAStart() throws Exception {
        CountDownLatch holding = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        Thread start = new Thread(() -> {
            try {
                slot.acquire(Deadline.after(Duration.ofSeconds(10)), true);
                try {
                    holding.countDown();
                    Thread.sleep(60_000);
                } finally {
                    slot.release();
                }
            } catch (InterruptedException e) {
                interrupted.set(true);
            } catch (OcfException e) {
                throw new AssertionError(e);
            }
        });
        start.start();
        holding.await();
        slot.preempt();
        slot.acquire(Deadline.after(Duration.ofSeconds(10)), false);
        slot.release();
        start.join(10_000);
        assertTrue(interrupted.get());
        assertFalse(Thread.currentThread().isInterrupted());
    }

    @Test
    void aStopIsNotMadeToWaitForAStartThatWaitsItself() throws Exception {
        slot.acquire(Deadline.after(Duration.ofSeconds(10)), false);
        CompletableFuture<OcfException> start = CompletableFuture.supplyAsync(
                () -> assertThrows(OcfException.class, () -> slot.acquire(Deadline.after(Duration.ofSeconds(10)), true)));
        Thread.sleep(300);
        slot.preempt();
        slot.release();
        assertTrue(start.get(10, TimeUnit.SECONDS).getMessage().contains("given up for a stop"));
        slot.acquire(Deadline.after(Duration.ofSeconds(10)), true);
        slot.release();
    }

    @Test
    void aStopInterruptsWhatIsDoneBesideActionsToo() throws Exception {
        CountDownLatch holding = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        Thread beside = new Thread(() -> {
            assertTrue(slot.tryAcquire());
            try {
                holding.countDown();
                Thread.sleep(60_000);
            } catch (InterruptedException e) {
                interrupted.set(true);
            } finally {
                slot.release();
            }
        });
        beside.start();
        holding.await();
        assertFalse(slot.tryAcquire());
        slot.preempt();
        slot.acquire(Deadline.after(Duration.ofSeconds(10)), false);
        beside.join(10_000);
        assertTrue(interrupted.get());
        Thread another = new Thread(() -> interrupted.set(slot.tryAcquire()));
        another.start();
        another.join(10_000);
        assertFalse(interrupted.get(), "an action has it");
        slot.release();
    }

    /** A stop waits for a monitor, and has nobody left to interrupt. */
    @Test
    void whatIsDoneBesideActionsDoesNotGoBeforeOneThatWaits() throws Exception {
        slot.acquire(Deadline.after(Duration.ofSeconds(10)), false);
        CountDownLatch stopped = new CountDownLatch(1);
        Thread stop = new Thread(() -> {
            try {
                slot.preempt();
                slot.acquire(Deadline.after(Duration.ofSeconds(10)), false);
                stopped.await();
            } catch (InterruptedException | OcfException e) {
                throw new AssertionError(e);
            } finally {
                slot.release();
            }
        });
        stop.start();
        while (stop.getState() != Thread.State.TIMED_WAITING) {
            Thread.sleep(10);
        }
        slot.release();
        assertFalse(slot.tryAcquire());
        stopped.countDown();
        stop.join(10_000);
        assertTrue(slot.tryAcquire());
        slot.release();
    }

    @Test
    void anActionThatNeverEndsIsReported() throws Exception {
        CountDownLatch holding = new CountDownLatch(1);
        Thread other = new Thread(() -> {
            try {
                slot.acquire(Deadline.after(Duration.ofSeconds(10)), false);
                holding.countDown();
                Thread.sleep(60_000);
            } catch (InterruptedException | OcfException e) {
                slot.release();
            }
        });
        other.start();
        holding.await();
        slot.preempt();
        OcfException e = assertThrows(OcfException.class,
                () -> slot.acquire(Deadline.after(Duration.ofMillis(50)), false));
        assertEquals(OcfCode.GENERIC, e.code());
        other.interrupt();
        other.join(10_000);
    }
}
