// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LooksTest {
    /** For a moment the node may have no thread left; the helper may live for months after that. */
    @Test
    void oneThatFailsIsNotTheLast() throws Exception {
        AtomicInteger looks = new AtomicInteger();
        CountDownLatch next = new CountDownLatch(1);
        List<Runnable> failing = List.of(
                () -> {
                    throw new OutOfMemoryError("unable to create native thread");
                },
                () -> {
                    throw new IllegalStateException("odd");
                });
        Looks.start("looks", Duration.ofMillis(1), () -> { }, () -> {
            int look = looks.getAndIncrement();
            if (look < failing.size()) {
                failing.get(look).run();
            }
            next.countDown();
        });
        assertTrue(next.await(10, TimeUnit.SECONDS));
    }
}
