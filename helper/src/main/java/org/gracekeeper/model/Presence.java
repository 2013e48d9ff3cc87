// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * Since when each of several things has been there without a break, as far as somebody has looked. Not thread-safe.
 *
 * @param <T> equal ones are the same thing
 */
public final class Presence<T> {
    private final long settled;
    private final Map<T, Long> since = new HashMap<>();

    /** @param settled how long a thing has to have been there */
    public Presence(Duration settled) {
        this.settled = settled.toNanos();
    }

    /**
     * Takes in another look.
     *
     * @param nanos when it was taken, as of {@link System#nanoTime}
     * @return whether all that is there has been there long enough
     */
    public boolean isSettled(Collection<T> now, long nanos) {
        since.keySet().retainAll(now);
        now.forEach(each -> since.putIfAbsent(each, nanos));
        return since.values().stream().allMatch(begin -> nanos - begin >= settled);
    }

    /** Whether all of this was there at the last look. */
    public boolean had(Collection<T> now) {
        return since.keySet().containsAll(now);
    }
}
