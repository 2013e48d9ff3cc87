// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * How long clients could not reach a service, and what that time was spent on.
 *
 * @param from when they were shut out, or else the first moment of the timeline, in milliseconds since the epoch
 * @param shutKnown whether {@code from} is when they were shut out
 * @param to when they got through; empty when they do not yet
 * @param parts what it was spent on, the longest first; what is left is {@link #rest}
 */
public record Outage(long from, boolean shutKnown, Optional<Long> to, List<Part> parts) {

    /**
     * A part of an outage.
     *
     * @param node empty where it is no node's
     * @param micros as much of it as lies in the outage, in microseconds
     */
    public record Part(String node, String what, long micros) {}

    /** @param phases at least one */
    static Outage of(List<Phase> phases, List<Row> rows) {
        Optional<Event> shut = phases.get(0).starts() ? Optional.empty() : phases.get(0).step(Event.Kind.DOWN, Event.OPEN);
        Optional<Long> to = phases.get(phases.size() - 1).starts()
                ? phases.get(phases.size() - 1).step(Event.Kind.UP, Event.OPEN).map(Event::end) : Optional.empty();
        // Before it shuts them out a stop waits for a moment that is good for it.
        long from = shut.map(Event::end).orElse(phases.get(0).begin().at());
        List<Part> parts = new ArrayList<>();
        for (Row row : rows) {
            long begin = Math.max(row.at(), from) * 1000;
            long end = Math.min(row.at() * 1000 + row.micros(), to.orElse(Long.MAX_VALUE / 1000) * 1000);
            if (row.look() != Row.Look.GRACE && end > begin) {
                parts.add(new Part(row.node(), row.what(), end - begin));
            }
        }
        parts.sort(Comparator.comparingLong(Part::micros).reversed());
        return new Outage(from, shut.isPresent(), to, List.copyOf(parts));
    }

    /** In microseconds; empty when it goes on. */
    public Optional<Long> micros() {
        return to.map(t -> (t - from) * 1000);
    }

    /** What no part accounts for, in microseconds. */
    public long rest() {
        return Math.max(0, micros().orElse(0L) - parts.stream().mapToLong(Part::micros).sum());
    }
}
