// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.state.Registry;
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

    /** It has nothing to say of it, and a stop that waited for the watch in vain would fail. */
    @Test
    void anInterruptThatALookReportsEndsTheWatch() throws Exception {
        ServiceName name = ServiceName.ofResource("data");
        CountDownLatch looking = new CountDownLatch(1);
        AtomicInteger looks = new AtomicInteger();
        Registry registry = mock(Registry.class);
        when(registry.load(name)).thenAnswer(call -> {
            looks.incrementAndGet();
            looking.countDown();
            try {
                Thread.sleep(60_000);
            } catch (InterruptedException e) {
                throw new InterruptedIOException(); // without the status: a sleep afterwards would not end
            }
            return Optional.empty();
        });
        RecoveryWatch watch = new RecoveryWatch(
                registry, mock(Recovery.class), mock(ClusterAttribute.class), mock(TimelineLog.class));
        watch.begin(name);
        looking.await();
        watch.end(name);
        assertEquals(1, looks.get());
    }
}
