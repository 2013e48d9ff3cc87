// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.io.IOException;

/** Waiting for what the kernel or a daemon gives no event for. */
public final class Waiting {
    public static final long POLL_MILLIS = 20;

    private Waiting() {}

    /** Something that becomes true; an exception counts as an answer, not as "not yet". */
    public interface Condition {
        boolean holds() throws IOException, InterruptedException;
    }

    /**
     * @return whether the condition held before the deadline
     */
    public static boolean until(Deadline deadline, Condition condition) throws IOException, InterruptedException {
        while (!condition.holds()) {
            if (deadline.passed()) {
                return false;
            }
            Thread.sleep(POLL_MILLIS);
        }
        return true;
    }
}
