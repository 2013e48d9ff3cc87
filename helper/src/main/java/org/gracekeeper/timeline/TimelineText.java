// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/** A timeline as text, for a terminal. Pure. */
public final class TimelineText {
    private static final DateTimeFormatter WHEN = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSS xxx", Locale.ROOT);

    private TimelineText() {}

    /** @param zone in which the first moment is written; all others are offsets from it */
    public static String of(Timeline timeline, ZoneId zone) {
        List<Row> rows = timeline.rows();
        StringBuilder text = new StringBuilder();
        text.append(timeline.service()).append(": ").append(timeline.title()).append(", ")
                .append(when(timeline, zone)).append('\n');
        timeline.notes().forEach(note -> text.append("  note: ").append(note).append('\n'));
        long zero = rows.get(0).at();
        int width = rows.stream().mapToInt(row -> row.node().length()).max().orElse(0);
        text.append(Timeline.format("\n%11s %11s\n", "at", "took"));
        for (Row row : rows) {
            text.append(Timeline.format("%11s %11s  %-" + Math.max(1, width) + "s  %s\n",
                    Timeline.format("%+.3f s", (row.at() - zero) / 1e3),
                    row.moment() ? "" : Timeline.seconds(row.micros()), row.node(), row.what()));
        }
        text.append('\n');
        timeline.summary().forEach(line -> text.append(line).append('\n'));
        return text.toString();
    }

    /** When it began. */
    static String when(Timeline timeline, ZoneId zone) {
        return WHEN.format(Instant.ofEpochMilli(timeline.phases().get(0).begin().at()).atZone(zone));
    }
}
