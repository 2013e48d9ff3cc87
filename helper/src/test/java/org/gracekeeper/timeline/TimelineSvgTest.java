// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.gracekeeper.timeline.Event.Kind;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class TimelineSvgTest {

    private static Element parse(Timeline timeline) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Element svg = factory.newDocumentBuilder().parse(new InputSource(new StringReader(
                TimelineSvg.of(timeline, ZoneOffset.UTC)))).getDocumentElement();
        assertEquals("svg", svg.getLocalName());
        assertEquals("http://www.w3.org/2000/svg", svg.getNamespaceURI());
        assertEquals(0, svg.getElementsByTagName("script").getLength());
        return svg;
    }

    private static List<Element> all(Element svg, String tag) {
        NodeList found = svg.getElementsByTagName(tag);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < found.getLength(); i++) {
            elements.add((Element) found.item(i));
        }
        return elements;
    }

    private static List<String> texts(Element svg) {
        return all(svg, "text").stream().map(Element::getTextContent).toList();
    }

    private static double number(Element element, String name) {
        return Double.parseDouble(element.getAttribute(name));
    }

    @Test
    void saysAllThatTheTextSays() throws Exception {
        Timeline move = Recorded.move();
        List<String> texts = texts(parse(move));
        assertTrue(texts.contains("web: moved from node1 to node2, 2026-01-02 03:04:05.000 +00:00"), texts.toString());
        assertTrue(texts.containsAll(move.summary()), texts.toString());
        for (Row row : move.rows()) {
            assertTrue(texts.contains((row.node() + "  " + row.what()).strip()), row.what());
        }
    }

    @Test
    void everythingIsInsideThePicture() throws Exception {
        Recorded many = new Recorded().begin(Kind.START, "node2", 0);
        for (int i = 0; i < 100; i++) {
            many.step(Kind.UP, "layer " + i, i, 1);
        }
        many.event(Kind.GRACE, "NLM", 0, 90_000, "its time is over");
        for (Timeline timeline : List.of(Recorded.move(), Recorded.timeline(many, new Recorded(), ""),
                Recorded.timeline(Recorded.start("node2", -5000, Kind.AFTER_STOP, "node1"), Recorded.stop("node1", 0), ""))) {
            Element svg = parse(timeline);
            double width = number(svg, "width");
            double height = number(svg, "height");
            for (Element box : all(svg, "rect")) {
                if (!box.getAttribute("width").endsWith("%")) {
                    assertTrue(number(box, "x") >= 0 && number(box, "x") + number(box, "width") <= width, box.getAttribute("x"));
                    assertTrue(number(box, "y") >= 0 && number(box, "y") + number(box, "height") <= height);
                }
            }
            for (Element text : all(svg, "text")) {
                assertTrue(number(text, "y") > 0 && number(text, "y") < height, text.getTextContent());
            }
            long lines = texts(svg).stream().filter(text -> text.startsWith("node2  up layer ")).count();
            assertEquals(timeline.rows().stream().filter(row -> row.what().startsWith("up layer ")).count(), lines);
        }
    }

    @Test
    void aBarIsAsLongAsItsStep() throws Exception {
        Element svg = parse(Recorded.move());
        double gap = all(svg, "rect").stream().filter(box -> box.getAttribute("class").equals("gap"))
                .mapToDouble(box -> number(box, "width")).max().orElseThrow();
        double claim = all(svg, "rect").stream().filter(box -> box.getAttribute("class").equals("stop"))
                .mapToDouble(box -> number(box, "width")).max().orElseThrow();
        assertEquals(700.0 / 245, gap / claim, 0.01);
    }

    @Test
    void namesAreEscaped() throws Exception {
        String evil = "<script>&\"'\u0001]]>\ud800\uffff";
        Recorded own = new Recorded().begin(Kind.START, evil, 0).event(Kind.UP, evil, 1, 2, evil);
        Element svg = parse(Timeline.of(evil.substring(0, 11), own.phases(), List.of(), "", List.of(evil)));
        assertTrue(texts(svg).stream().anyMatch(text -> text.contains("<script>&\"'")));
    }

    @Test
    void coloursDifferInGrey() throws Exception {
        Map<String, Double> grey = new HashMap<>();
        for (Element box : all(parse(Recorded.move()), "rect")) {
            if (!box.getAttribute("class").isEmpty()) {
                int rgb = Integer.parseInt(box.getAttribute("fill").substring(1), 16);
                grey.put(box.getAttribute("class"), 0.299 * (rgb >> 16) + 0.587 * (rgb >> 8 & 255) + 0.114 * (rgb & 255));
            }
        }
        assertEquals(Row.Look.values().length, grey.size());
        grey.forEach((name, value) -> grey.forEach((other, its) -> assertTrue(
                name.equals(other) || Math.abs(value - its) > 25, name + " " + value + ", " + other + " " + its)));
    }

    @Test
    void isTheSameWhereADecimalPointIsAComma() throws Exception {
        Timeline move = Recorded.move();
        String before = TimelineSvg.of(move, ZoneOffset.UTC) + TimelineText.of(move, ZoneOffset.UTC);
        Locale locale = Locale.getDefault();
        try {
            Locale.setDefault(Locale.GERMANY);
            assertEquals(before, TimelineSvg.of(move, ZoneOffset.UTC) + TimelineText.of(move, ZoneOffset.UTC));
        } finally {
            Locale.setDefault(locale);
        }
    }
}
