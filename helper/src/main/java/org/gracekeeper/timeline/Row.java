// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

/**
 * A line of a timeline: a step, a moment, or time that nobody of ours accounts for.
 *
 * @param node empty for a gap
 * @param what in words
 * @param at when it began, in milliseconds since the epoch
 * @param micros how long it took, in microseconds; negative for a gap when the nodes' clocks differ
 * @param moment whether it is a point in time and took nothing
 */
public record Row(Look look, String node, String what, long at, long micros, boolean moment) {

    /** How a picture tells lines apart. */
    public enum Look {
        STOP,
        GAP,
        START,
        GRACE
    }

    /** When it ended, in milliseconds since the epoch. */
    public long end() {
        return at + Math.round(micros / 1000.0);
    }

    static Row of(Phase phase, Event event) {
        Look look = event.kind() == Event.Kind.GRACE || event.kind() == Event.Kind.RECOVERED ? Look.GRACE
                : phase.starts() ? Look.START : Look.STOP;
        boolean moment = event.kind().begins() || event.kind() == Event.Kind.DONE || event.kind() == Event.Kind.RECOVERED;
        return new Row(look, phase.node(), words(phase, event), event.at(), event.micros(), moment);
    }

    private static String words(Phase phase, Event event) {
        String failed = event.detail().isEmpty() ? "" : " failed: " + event.detail();
        boolean open = event.name().equals(Event.OPEN) && failed.isEmpty();
        return switch (event.kind()) {
            case STOP -> "stop requested" + (event.detail().isEmpty() ? "" : ", " + event.detail());
            case EMERGENCY_STOP -> "emergency stop requested: the helper did not answer, or could not stop it";
            case START -> "start requested";
            case PREPARE -> "prepare";
            case DOWN -> "down " + event.name() + failed + (open ? ": clients are shut out" : "");
            case UP -> "up " + event.name() + failed + (open ? ": clients get through" : "");
            case UP_PREPARED -> "up " + event.name() + ", prepared before";
            case DONE -> failed.isEmpty() ? phase.starts() ? "started" : "stopped"
                    : (phase.starts() ? "start" : "stop") + failed;
            case GRACE -> event.name() + " grace: " + event.detail();
            case RECOVERED -> "recovered: nobody can reclaim any more";
            case AFTER_STOP, AFTER_CRASH -> throw new IllegalArgumentException("no line of its own: " + event);
        };
    }
}
