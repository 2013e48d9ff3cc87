// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A service's last stop and start, in order of time, as far as it was recorded on the nodes that took part.
 *
 * @param phases at least one
 * @param notes what one has to know to read it right, a sentence each
 */
public record Timeline(String service, List<Phase> phases, List<String> notes) {
    private static final String BETWEEN = "Pacemaker, agents and storage";
    /** So many parts of an outage are named. */
    private static final int LARGEST = 3;

    public Timeline {
        phases = List.copyOf(phases);
        service = Event.plain(service);
        notes = notes.stream().map(Event::plain).toList();
    }

    /**
     * Puts together what is known on a node.
     *
     * @param own what this node recorded; at least one phase
     * @param before what the node recorded that had the service before; may be empty
     * @param problem why {@code before} is empty, or what is wrong with it; may be empty
     * @param remarks of the caller, which come first
     */
    public static Timeline of(String service, List<Phase> own, List<Phase> before, String problem, List<String> remarks) {
        List<Phase> phases = new ArrayList<>(Phase.last(own));
        List<String> notes = new ArrayList<>(remarks);
        if (phases.get(0).starts()) {
            List<Phase> stop = Phase.unfinished(before);
            (stop.isEmpty() ? noStop(phases.get(0), problem)
                    : Optional.of(problem).filter(p -> !p.isEmpty())).ifPresent(notes::add);
            phases.addAll(0, stop);
        }
        skew(phases).ifPresent(notes::add);
        return new Timeline(service, phases, notes);
    }

    private static Optional<String> noStop(Phase start, String problem) {
        Optional<Event> crash = start.first(Event.Kind.AFTER_CRASH);
        if (crash.isPresent()) {
            return Optional.of("no stop is recorded: " + crash.get().name() + " died with the service, or could not"
                    + " write any more");
        }
        return start.first(Event.Kind.AFTER_STOP).map(before -> "the stop on " + before.name() + " was in order, but its times"
                + " are not known" + (problem.isEmpty() ? "" : ": " + problem));
    }

    private static Optional<String> skew(List<Phase> phases) {
        for (int i = 1; i < phases.size(); i++) {
            long gap = phases.get(i).begin().at() - phases.get(i - 1).end();
            String before = phases.get(i - 1).node();
            String node = phases.get(i).node();
            if (gap < 0) {
                return Optional.of((before.equals(node) ? "the clock of " + node + " was set back"
                        : "the clocks of " + before + " and " + node + " differ")
                        + format(" by %.3f s or more, and what lies between is wrong by as much", -gap / 1e3));
            }
        }
        return Optional.empty();
    }

    /** What happened, in a few words. */
    public String title() {
        Phase first = phases.get(0);
        Phase last = phases.get(phases.size() - 1);
        Optional<Event> done = last.first(Event.Kind.DONE);
        boolean failed = done.isPresent() && !done.get().detail().isEmpty();
        if (!last.starts()) {
            return failed ? "not stopped on " + last.node() : done.isPresent() ? "stopped on " + last.node()
                    : "stopping on " + last.node();
        }
        if (!last.letsIn()) {
            return (done.isPresent() ? "not started on " : "starting on ") + last.node();
        }
        if (!first.starts()) {
            return first.node().equals(last.node()) ? "restarted on " + last.node()
                    : "moved from " + first.node() + " to " + last.node();
        }
        Optional<Event> crash = first.first(Event.Kind.AFTER_CRASH);
        if (crash.isPresent()) {
            return "started on " + last.node() + ", not stopped in order on " + crash.get().name();
        }
        return (first.first(Event.Kind.AFTER_STOP).isPresent() ? "started on " : "started for the first time on ")
                + last.node();
    }

    /** Everything in order of time, with a line for what lies between two phases. */
    public List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        Phase before = null;
        for (Phase phase : phases) {
            long begin = phase.begin().at();
            boolean known = before != null && before.first(Event.Kind.DONE).isPresent();
            // A start that failed takes down what there is by itself.
            if (before != null && begin != before.end() && !(known && before.starts())) {
                rows.add(new Row(Row.Look.GAP, "", known ? BETWEEN : "nothing is recorded",
                        before.end(), (begin - before.end()) * 1000, false));
            }
            rows.add(Row.of(phase, phase.begin()));
            phase.events().stream()
                    .filter(e -> e.kind() != Event.Kind.AFTER_STOP && e.kind() != Event.Kind.AFTER_CRASH)
                    .forEach(e -> rows.add(Row.of(phase, e)));
            before = phase;
        }
        return rows;
    }

    public Outage outage() {
        return Outage.of(phases, rows());
    }

    /** How each grace period of the last start ended; empty when none has yet, or there was none. */
    public List<Event> graces() {
        return phases.get(phases.size() - 1).events().stream().filter(e -> e.kind() == Event.Kind.GRACE).toList();
    }

    /** Whether clients may still reclaim locks. */
    public boolean recovering() {
        Phase last = phases.get(phases.size() - 1);
        return last.letsIn() && last.first(Event.Kind.RECOVERED).isEmpty();
    }

    /** What it comes to, a line each. */
    public List<String> summary() {
        List<String> lines = new ArrayList<>();
        Outage outage = outage();
        String since = outage.shutKnown() ? "not reachable" : "from the start request until clients get through";
        lines.add(outage.micros().map(micros -> since + " " + seconds(micros)).orElse(since + ": not over yet"));
        outage.micros().filter(micros -> micros > 0).ifPresent(micros -> {
            List<Outage.Part> parts = outage.parts();
            parts.stream().limit(LARGEST).forEach(part -> lines.add(share(part.micros(), micros,
                    part.node().isEmpty() ? part.what() : part.node() + " " + part.what())));
            long others = parts.stream().skip(LARGEST).mapToLong(Outage.Part::micros).sum() + outage.rest();
            if (others > 0) {
                lines.add(share(others, micros, "everything else"));
            }
        });
        graces().forEach(grace -> lines.add(grace.name() + " grace " + seconds(grace.micros()) + ": " + grace.detail()));
        if (recovering()) {
            lines.add("recovery goes on: clients may still reclaim, see 'gracekeeper status " + service + "'");
        } else if (graces().isEmpty() && phases.get(phases.size() - 1).letsIn()) {
            lines.add("no grace period was seen: nobody had anything to reclaim");
        }
        return lines;
    }

    private static String share(long part, long all, String what) {
        return format("  %s %3.0f %%  %s", seconds(part), 100.0 * part / all, what);
    }

    /** The same in every locale. */
    static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    /** To the millisecond. */
    static String seconds(long micros) {
        return format("%.3f s", micros / 1e6);
    }
}
