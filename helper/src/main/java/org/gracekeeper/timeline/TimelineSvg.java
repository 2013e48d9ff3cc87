// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import java.time.ZoneId;
import java.util.List;
import java.util.Locale;

/**
 * A timeline as a picture, in SVG: a line for each step with its bar. Self-contained, without scripts; the colours differ
 * in brightness too, for a printout in grey. Pure.
 */
public final class TimelineSvg {
    private static final int WIDTH = 1100;
    private static final int LEFT = 400;
    /** Right of the bars there is room for a duration. */
    private static final int BARS = WIDTH - LEFT - 90;
    private static final int LINE = 20;
    private static final int MARGIN = 16;
    /** Longer labels would run into the bars. */
    private static final int LABEL = 58;
    /** Grace may last a hundred times as long as all the rest. */
    private static final double LONGEST_GRACE = 1.5;

    private final Timeline timeline;
    private final List<Row> rows;
    private final StringBuilder svg = new StringBuilder();
    private final long zero;
    private final double span;
    private int y = MARGIN;

    private TimelineSvg(Timeline timeline) {
        this.timeline = timeline;
        this.rows = timeline.rows();
        this.zero = rows.stream().mapToLong(row -> Math.min(row.at(), row.end())).min().orElse(0);
        long steps = rows.stream().filter(row -> row.look() != Row.Look.GRACE).mapToLong(Row::end).max().orElse(zero);
        long all = rows.stream().mapToLong(Row::end).max().orElse(zero);
        this.span = Math.max(1, Math.min(all - zero, (steps - zero) * LONGEST_GRACE));
    }

    /** @param zone in which the first moment is written */
    public static String of(Timeline timeline, ZoneId zone) {
        return new TimelineSvg(timeline).draw(zone);
    }

    private String draw(ZoneId zone) {
        text(MARGIN, "bold", timeline.service() + ": " + timeline.title() + ", " + TimelineText.when(timeline, zone));
        timeline.notes().forEach(note -> text(MARGIN, "normal", "note: " + note));
        legend();
        int top = y;
        axis(top, top + LINE * (rows.size() + 1));
        rows.forEach(this::bar);
        y += LINE / 2;
        timeline.summary().forEach(line -> text(MARGIN, "normal", line));
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + WIDTH + "\" height=\"" + (y + MARGIN)
                + "\" viewBox=\"0 0 " + WIDTH + " " + (y + MARGIN) + "\" font-family=\"sans-serif\" font-size=\"13\">\n"
                + "<title>" + escape(timeline.service() + ": " + timeline.title()) + "</title>\n"
                + "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + svg + "</svg>\n";
    }

    private static String fill(Row.Look look) {
        return switch (look) {
            case STOP -> "#1f4e79";
            case GAP -> "#ffffff";
            case START -> "#d98a1f";
            case GRACE -> "#bfe3d0";
        };
    }

    private void legend() {
        y += LINE;
        int x = LEFT;
        for (Row.Look look : Row.Look.values()) {
            String name = switch (look) {
                case STOP -> "stop";
                case GAP -> "in between";
                case START -> "start";
                case GRACE -> "grace, as far as it fits";
            };
            box(look, x, 14, y);
            label(x + 20, y, "normal", name);
            x += 40 + 8 * name.length();
        }
        shade(x, 14, y - 7, 14);
        label(x + 20, y, "normal", "not reachable");
        y += LINE;
    }

    private void axis(int top, int bottom) {
        double step = Math.pow(10, Math.floor(Math.log10(span / 4)));
        step *= span / step > 20 ? 5 : span / step > 8 ? 2 : 1;
        step = Math.max(1, step);
        for (int i = 0; i * step <= span; i++) {
            double x = x(zero + i * step);
            svg.append(Timeline.format("<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#dddddd\"/>\n",
                    x, top + LINE / 2, x, bottom));
            label(x - 12, top, "normal", Timeline.format(step < 1000 ? "%.3f s" : "%.0f s", i * step / 1e3));
        }
        y += LINE;
        Outage outage = timeline.outage();
        if (outage.shutKnown() && outage.to().isPresent()) {
            shade(x(outage.from()), Math.max(0, x(outage.to().get()) - x(outage.from())), y - LINE / 2, LINE * rows.size());
        }
    }

    private void bar(Row row) {
        String name = row.node().isEmpty() ? row.what() : row.node() + "  " + row.what();
        boolean fits = name.codePointCount(0, name.length()) <= LABEL;
        label(MARGIN, y, "normal", fits ? name : name.substring(0, name.offsetByCodePoints(0, LABEL - 1)) + "…");
        double from = x(Math.min(row.at(), row.end()));
        double to = x(Math.max(row.at(), row.end()));
        if (row.moment()) {
            box(row.look(), from - 1, 2, y);
        } else {
            box(row.look(), from, Math.max(1.5, to - from), y);
            label(Math.max(from + 1.5, to) + 6, y, "normal", Timeline.seconds(row.micros()));
        }
        y += LINE;
    }

    private double x(double at) {
        return LEFT + BARS * Math.min(1, Math.max(0, (at - zero) / span));
    }

    private void box(Row.Look look, double x, double width, int middle) {
        svg.append(Timeline.format("<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\""
                + " stroke=\"#444444\" stroke-width=\"0.5\"%s/>\n", look.name().toLowerCase(Locale.ROOT), x,
                middle - 7, width, 14, fill(look), look == Row.Look.GAP ? " stroke-dasharray=\"3 2\"" : ""));
    }

    private void shade(double x, double width, int top, int height) {
        svg.append(Timeline.format("<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f3e3e3\"/>\n",
                x, top, width, height));
    }

    private void text(int x, String weight, String text) {
        label(x, y, weight, text);
        y += LINE;
    }

    private void label(double x, int middle, String weight, String text) {
        svg.append(Timeline.format("<text x=\"%.1f\" y=\"%d\" font-weight=\"%s\" xml:space=\"preserve\">%s</text>\n",
                x, middle + 4, weight, escape(text)));
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
