// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class HeapTrimTest {
    private static final long LIVE = 4 << 20;

    private final AtomicLong size = new AtomicLong(LIVE + HeapTrim.WORTH_IT);
    private final AtomicInteger collections = new AtomicInteger();
    private long live = LIVE;
    private boolean idle = true;
    private final HeapTrim trim = new HeapTrim(() -> idle, size::get, () -> {
        collections.incrementAndGet();
        size.set(live);
    });

    private int looks(int count) {
        for (int i = 0; i < count; i++) {
            trim.look();
        }
        return collections.getAndSet(0);
    }

    @Test
    void aHeapThatHasGrownIsCollectedOnce() {
        assertEquals(1, looks(3), "what came before the first look");
        size.set(LIVE + HeapTrim.WORTH_IT - 1);
        assertEquals(0, looks(3), "too little");
        size.set(LIVE + HeapTrim.WORTH_IT);
        assertEquals(1, looks(3));
        assertEquals(LIVE, size.get());
    }

    @Test
    void nobodyWaitsForIt() {
        idle = false;
        assertEquals(0, looks(3));
        idle = true;
        assertEquals(1, looks(3));
    }

    @Test
    void whatIsInUseIsNotCollectedForAgainAndAgain() {
        live = 20 << 20;
        size.set(live);
        assertEquals(1, looks(5));
        live = 24 << 20;
        size.set(live);
        assertEquals(1, looks(5));
    }
}
