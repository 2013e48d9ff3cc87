// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.util.concurrent.CountDownLatch;

/** For tests: what sleeps in the kernel as on a disk that does not answer. */
public final class Uninterruptible {
    private Uninterruptible() {
    }

    /** What follows does not see that it was interrupted. */
    public static void await(CountDownLatch latch) {
        while (true) {
            try {
                latch.await();
                return;
            } catch (InterruptedException e) {
                continue;
            }
        }
    }
}
