// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class PresenceTest {
    private final Presence<String> presence = new Presence<>(Duration.ofNanos(10));

    @Test
    void whereThereIsNothingAllIsSettled() {
        assertTrue(presence.isSettled(List.of(), 0));
    }

    @Test
    void whatComesHasToStayForThatLong() {
        assertFalse(presence.isSettled(List.of("a"), 5));
        assertFalse(presence.isSettled(List.of("a"), 14));
        assertTrue(presence.isSettled(List.of("a"), 15));
        assertFalse(presence.isSettled(List.of("a", "b"), 20));
        assertTrue(presence.isSettled(List.of("a"), 21));
    }

    @Test
    void whatComesAgainIsNew() {
        assertFalse(presence.isSettled(List.of("a"), 0));
        assertTrue(presence.isSettled(List.of(), 5));
        assertFalse(presence.isSettled(List.of("a"), 12));
        assertTrue(presence.isSettled(List.of("a"), 22));
    }

    /** As the helper's clock does at some time. */
    @Test
    void theClockMayOverflow() {
        assertFalse(presence.isSettled(List.of("a"), Long.MAX_VALUE - 3));
        assertTrue(presence.isSettled(List.of("a"), Long.MIN_VALUE + 6));
    }

    @Test
    void whatTheLastLookHad() {
        presence.isSettled(List.of("a", "b"), 0);
        assertTrue(presence.had(List.of("b")));
        assertFalse(presence.had(List.of("b", "c")));
    }
}
