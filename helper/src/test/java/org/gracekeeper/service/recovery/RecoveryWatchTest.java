// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RecoveryWatchTest {
    private static long inCrowd(long millis, int watched) {
        return RecoveryWatch.inCrowd(Duration.ofMillis(millis), watched).toMillis();
    }

    @Test
    void fewAreLookedAtAsOftenAsTheyAsk() {
        assertEquals(100, inCrowd(100, 1));
        assertEquals(100, inCrowd(100, 8));
    }

    @Test
    void manyShareTheLooks() {
        assertEquals(200, inCrowd(100, 16));
        assertEquals(800, inCrowd(100, 64));
    }

    @Test
    void noneWaitsForLongerThanASecondThatDoesNotAskFor() {
        assertEquals(1000, inCrowd(100, 500));
        assertEquals(1000, inCrowd(400, 64));
        assertEquals(1000, inCrowd(1000, 64));
        assertEquals(2000, inCrowd(2000, 64));
    }
}
