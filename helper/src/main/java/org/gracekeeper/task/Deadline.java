// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.time.Duration;

/** The moment by which an operation must have answered. Immutable. */
public final class Deadline {
    private final long atNanos;

    private Deadline(long atNanos) {
        this.atNanos = atNanos;
    }

    public static Deadline after(Duration duration) {
        return new Deadline(System.nanoTime() + duration.toNanos());
    }

    /** Time left, never negative. */
    public Duration remaining() {
        return Duration.ofNanos(Math.max(0, atNanos - System.nanoTime()));
    }

    /** Time left, but at most {@code limit}: what one step of the operation may take. */
    public Duration atMost(Duration limit) {
        Duration left = remaining();
        return left.compareTo(limit) < 0 ? left : limit;
    }

    public boolean passed() {
        return remaining().isZero();
    }

    /** The deadline of a part of the operation: {@code limit} from now, but never later than this one. */
    public Deadline part(Duration limit) {
        return after(atMost(limit));
    }
}
