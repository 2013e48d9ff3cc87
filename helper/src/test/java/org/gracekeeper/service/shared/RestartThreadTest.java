// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.Test;

class RestartThreadTest {
    private static final Deadline PATIENCE = Deadline.after(Duration.ofSeconds(10));

    private final CountDownLatch end = new CountDownLatch(1);

    @Test
    void itGoesOnWhenThoseWhoWaitAreServed() throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        RestartThread thread = RestartThread.begin("test", served -> {
            served.run();
            end.await();
            ended.countDown();
        });

        thread.await(PATIENCE);

        assertEquals(1, ended.getCount());
        end.countDown();
        assertTrue(ended.await(10, TimeUnit.SECONDS));
    }

    @Test
    void itGoesOnWhenTheyGiveUp() throws Exception {
        RestartThread thread = RestartThread.begin("test", served -> end.await());

        IOException e = assertThrows(IOException.class, () -> thread.await(Deadline.after(Duration.ZERO)));

        assertTrue(e.getMessage().contains("raise the timeout"), e.getMessage());
        end.countDown();
        thread.await(PATIENCE);
    }

    @Test
    void whatItFailsByIsTheirs() {
        IOException io = new IOException("no memory");
        assertEquals(io, assertThrows(IOException.class, () -> RestartThread.begin("test", served -> {
            throw io;
        }).await(PATIENCE)));
        IOException e = assertThrows(IOException.class, () -> RestartThread.begin("test", served -> {
            throw new IllegalStateException("a fault");
        }).await(PATIENCE));
        assertTrue(e.getMessage().contains("a fault"), e.getMessage());
    }
}
