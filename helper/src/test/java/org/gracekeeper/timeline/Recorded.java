// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.timeline.Event.Kind;

/** Records as nodes write them, in milliseconds since a moment of 2026. */
final class Recorded {
    static final long ZERO = 1_767_323_045_000L;

    private final List<Event> events = new ArrayList<>();

    Recorded begin(Kind kind, String node, long at) {
        events.add(new Event(kind, node, "boot of " + node, ZERO + at, 0, ""));
        return this;
    }

    Recorded event(Kind kind, String name, long at, long millis, String detail) {
        events.add(new Event(kind, name, "", ZERO + at, millis * 1000, detail));
        return this;
    }

    Recorded step(Kind kind, String layer, long at, long millis) {
        return event(kind, layer, at, millis, "");
    }

    Recorded done(long at) {
        return event(Kind.DONE, "", at, 0, "");
    }

    List<Phase> phases() {
        return Phase.of(events);
    }

    /** A stop of 300 ms, in which clients are shut out after 20 ms. */
    static Recorded stop(String node, long at) {
        return new Recorded().begin(Kind.STOP, node, at).step(Kind.PREPARE, "", at, 10).step(Kind.DOWN, "recovery", at + 10, 10)
                .step(Kind.DOWN, "open", at + 20, 30).step(Kind.DOWN, "claim", at + 50, 245).done(at + 300);
    }

    /** A start of 500 ms, in which clients get through after 400 ms. */
    Recorded thenStart(String node, long at, Kind after, String before) {
        return begin(Kind.START, node, at).step(Kind.PREPARE, "", at, 100).step(after, before, at + 110, 0)
                .step(Kind.UP, "claim", at + 100, 100).step(Kind.UP, "server", at + 200, 100)
                .step(Kind.UP, "open", at + 300, 100).step(Kind.UP, "recovery", at + 400, 90).done(at + 500);
    }

    static Recorded start(String node, long at, Kind after, String before) {
        return new Recorded().thenStart(node, at, after, before);
    }

    static Timeline timeline(Recorded own, Recorded before, String problem) {
        return Timeline.of("web", own.phases(), before.phases(), problem, List.of());
    }

    /** From node1 to node2, with the grace periods at its end. */
    static Timeline move() {
        return timeline(start("node2", 1000, Kind.AFTER_STOP, "node1")
                .event(Kind.GRACE, "NLM", 1300, 250, "2 of 2 locks back").event(Kind.GRACE, "NFSv4", 1300, 3000, "its time is over")
                .step(Kind.RECOVERED, "", 4350, 0), stop("node1", 0), "");
    }
}
