// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.util.regex.Pattern;

/**
 * Something that happened to a service, as the node that did it recorded it. A service's events are a sequence in which
 * a {@link Kind#begins() beginning} one, with its node, holds for those after it.
 *
 * @param kind null when a later version's is not known here
 * @param name of the layer; of the node where the event begins a stop or start; of the protocol in grace
 * @param boot the boot id of that node; else empty
 * @param at when it began, by the node's wall clock, in milliseconds since the epoch
 * @param micros how long it took, by a clock that nobody sets, in microseconds
 * @param detail in words: what failed, why grace ended; else empty
 */
public record Event(Kind kind, String name, String boot, long at, long micros, String detail) {
    /** The layer that lets clients in and shuts them out. */
    public static final String OPEN = "open";

    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cs}\\uFFFE\\uFFFF]+");

    /** What kind of event it is. */
    public enum Kind {
        /** A stop was asked for. */
        STOP,
        /** The same, and it was done without the helper. */
        EMERGENCY_STOP,
        /** A start was asked for. */
        START,
        /** From being asked to the first layer: parameters, host names, waiting for another action on the service. */
        PREPARE,
        /** The start follows a stop in order on the node named. */
        AFTER_STOP,
        /** The start follows no stop in order: the node named had the service. */
        AFTER_CRASH,
        /** A layer was built. */
        UP,
        /** A layer was built, and what costs time in it had been prepared before. */
        UP_PREPARED,
        /** A layer was taken down. */
        DOWN,
        /** The stop or start has ended, in this moment. */
        DONE,
        /** A grace period, recorded at its end. */
        GRACE,
        /** Nobody can reclaim a lock any more. */
        RECOVERED;

        /** Whether a stop or a start begins with it. */
        public boolean begins() {
            return this == STOP || this == EMERGENCY_STOP || this == START;
        }
    }

    /** Texts that a file lacks are empty, and what a terminal or XML would not take for text is a space. */
    public Event {
        name = plain(name);
        boot = plain(boot);
        detail = plain(detail);
    }

    /** When it ended, in milliseconds since the epoch. */
    public long end() {
        return at + Math.round(micros / 1000.0);
    }

    static String plain(String text) {
        return text == null ? "" : UNPRINTABLE.matcher(text).replaceAll(" ").strip();
    }
}
