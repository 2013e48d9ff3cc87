// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One stop or start of a service on one node.
 *
 * @param begin what was asked for, where and when
 * @param events what came of it, in order of their begin
 */
public record Phase(Event begin, List<Event> events) {

    /** A service that does not come up is tried on one node after the other; the first and the last of it tell most. */
    private static final int MOST = 12;

    public Phase {
        events = events.stream().sorted(Comparator.comparingLong(Event::at)).toList();
    }

    /** Takes a record apart; events before the first that begins something belong to nothing. */
    public static List<Phase> of(List<Event> all) {
        List<Phase> phases = new ArrayList<>();
        Event begin = null;
        List<Event> events = new ArrayList<>();
        for (Event event : all) {
            if (event.kind() != null && event.kind().begins()) {
                if (begin != null) {
                    phases.add(new Phase(begin, events));
                }
                begin = event;
                events = new ArrayList<>();
            } else if (event.kind() != null) {
                events.add(event);
            }
        }
        if (begin != null) {
            phases.add(new Phase(begin, events));
        }
        return phases;
    }

    /** The record again that {@link #of} takes apart. */
    public static List<Event> events(List<Phase> phases) {
        return phases.stream().flatMap(phase -> Stream.concat(Stream.of(phase.begin()), phase.events().stream())).toList();
    }

    /** What came after the last start that let clients in: how an outage began that is not over. */
    public static List<Phase> unfinished(List<Phase> all) {
        int from = all.size();
        while (from > 0 && !all.get(from - 1).letsIn()) {
            from--;
        }
        return all.subList(from, all.size());
    }

    /** The outage that is not over, and where there is none the one before, up to the start that ended it. */
    public static List<Phase> last(List<Phase> all) {
        List<Phase> unfinished = unfinished(all);
        if (!unfinished.isEmpty() || all.isEmpty()) {
            return unfinished;
        }
        int last = all.size() - 1;
        return all.subList(last - unfinished(all.subList(0, last)).size(), all.size());
    }

    /** The same, shortened in the middle when there are very many. */
    public static List<Phase> bounded(List<Phase> phases) {
        return phases.size() <= MOST ? phases : Stream.concat(
                phases.stream().limit(1), phases.stream().skip(phases.size() - MOST + 1L)).toList();
    }

    public boolean starts() {
        return begin.kind() == Event.Kind.START;
    }

    public String node() {
        return begin.name();
    }

    /** Whether clients get through from then on. */
    public boolean letsIn() {
        return starts() && step(Event.Kind.UP, Event.OPEN).isPresent();
    }

    /** A layer's step that did not fail. */
    public Optional<Event> step(Event.Kind kind, String layer) {
        return events.stream().filter(e -> e.kind() == kind && e.name().equals(layer) && e.detail().isEmpty()).findFirst();
    }

    public Optional<Event> first(Event.Kind kind) {
        return events.stream().filter(e -> e.kind() == kind).findFirst();
    }

    /** The last moment of it that is known, grace left out, in milliseconds since the epoch. */
    public long end() {
        return first(Event.Kind.DONE).map(Event::at).orElseGet(() -> events.stream()
                .filter(e -> e.kind() != Event.Kind.GRACE && e.kind() != Event.Kind.RECOVERED)
                .mapToLong(Event::end).max().orElse(begin.at()));
    }
}
