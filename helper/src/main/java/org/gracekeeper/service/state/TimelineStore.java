// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.timeline.Event;

/**
 * Where the events of a service's last stop and start are: on the node below {@link Instance#TIMELINES}, a line added for
 * each; and in the state directory what the last stop left for the next start to be shown with. Both are a line that says
 * whose it is, then a line of JSON for each event. What a later version adds to a line is passed over. Nothing here is on
 * stable storage before the file system is unmounted: it would cost time within the outage. Thread-safe.
 *
 * <p>The emergency stop writes the same files.
 */
public final class TimelineStore {
    private static final int FORMAT = 1;
    private static final long MAX = 1 << 20;

    private final Path root;
    private final DurableFiles files;

    /** @param root where this node's own files are */
    public TimelineStore(Path root, DurableFiles files) {
        this.root = root;
        this.files = files;
    }

    /**
     * The first line.
     *
     * @param generation the start whose end this is, see {@code ClaimLayer}; 0 on the node
     */
    public record Header(int format, String service, long generation) {
        public static Header of(Fields f) throws IOException {
            return new Header(f.integer("format"), f.text("service"), f.number("generation"));
        }

        public JsonNode json() {
            ObjectNode json = Json.object().put("format", format).put("service", service);
            return generation == 0 ? json : json.put("generation", generation);
        }
    }

    /**
     * Events that were found.
     *
     * @param problem why there are none, or not all, in words; else empty
     */
    public record Found(List<Event> events, String problem) {
        public Found {
            events = List.copyOf(events);
        }

        private static Found none(String problem) {
            return new Found(List.of(), problem);
        }
    }

    /** This node's record of the service begins anew. */
    public void begin(ServiceName service) throws IOException {
        Files.createDirectories(root);
        Files.write(root.resolve(service.value()), line(new Header(FORMAT, service.value(), 0).json()));
    }

    /** Adds to this node's record of the service. */
    public void append(ServiceName service, Event event) throws IOException {
        Path file = root.resolve(service.value());
        if (!Files.exists(file)) {
            begin(service);
        }
        Files.write(file, line(json(event)), StandardOpenOption.APPEND);
    }

    /** What this node recorded of the service since its boot. */
    public Found own(ServiceName service) {
        return read(root.resolve(service.value()), service, 0);
    }

    /** Leaves events to the next start, in place of what there is. */
    public void handOn(StateDirectory state, ServiceName service, long generation, List<Event> events) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append(new String(line(new Header(FORMAT, service.value(), generation).json()), StandardCharsets.UTF_8));
        for (Event event : events) {
            text.append(new String(line(json(event)), StandardCharsets.UTF_8));
        }
        files.unsynced().write(state.timeline(), text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * What was left to a start.
     *
     * @param generation of the start whose end it has to be
     */
    public Found handed(StateDirectory state, ServiceName service, long generation) {
        return read(state.timeline(), service, generation);
    }

    private static Found read(Path file, ServiceName service, long generation) {
        try {
            if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                return Found.none("there is no file " + file);
            }
            if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || Files.size(file) > MAX) {
                throw new UnexpectedFormatException(file.toString(), "not a small regular file");
            }
            List<String> lines = new String(Files.readAllBytes(file), StandardCharsets.UTF_8).lines().toList();
            Header header = header(file, lines);
            if (!header.service().equals(service.value()) || header.generation() != generation) {
                return Found.none(file + " is of another stop");
            }
            return events(file, lines.subList(1, lines.size()));
        } catch (IOException | RuntimeException e) {
            return Found.none(file + " cannot be used: " + e.getMessage());
        }
    }

    private static Header header(Path file, List<String> lines) throws IOException {
        try {
            Header header = Json.read((lines.isEmpty() ? "" : lines.get(0)).getBytes(StandardCharsets.UTF_8), Header::of);
            if (header.service() != null && header.format() == FORMAT) {
                return header;
            }
        } catch (IOException e) {
            // Its message would quote the garbage.
        }
        throw new UnexpectedFormatException(file.toString(), "no timeline of format " + FORMAT);
    }

    /** A line that was written when the node's power went, or the disk was full, says nothing about those before it. */
    private static Found events(Path file, List<String> lines) {
        List<Event> events = new ArrayList<>();
        int bad = 0;
        for (String line : lines) {
            try {
                Event event = Json.read(line.getBytes(StandardCharsets.UTF_8), TimelineStore::event);
                if (event.kind() != null) {
                    events.add(event);
                }
            } catch (IOException e) {
                bad++;
            }
        }
        return new Found(events, bad == 0 ? "" : bad + " lines of " + file + " cannot be read");
    }

    /** A kind that is not known here is null. */
    public static Event event(Fields f) throws IOException {
        String kind = f.text("kind");
        return new Event(Stream.of(Event.Kind.values()).filter(k -> k.name().equals(kind)).findFirst().orElse(null),
                f.text("name"), f.text("boot"), f.number("at"), f.number("micros"), f.text("detail"));
    }

    /** What is empty, or 0, is left out. */
    public static JsonNode json(Event event) {
        ObjectNode json = Json.object().put("kind", event.kind().name());
        put(json, "name", event.name());
        put(json, "boot", event.boot());
        put(json, "at", event.at());
        put(json, "micros", event.micros());
        put(json, "detail", event.detail());
        return json;
    }

    private static void put(ObjectNode json, String name, String value) {
        if (!value.isEmpty()) {
            json.put(name, value);
        }
    }

    private static void put(ObjectNode json, String name, long value) {
        if (value != 0) {
            json.put(name, value);
        }
    }

    private static byte[] line(JsonNode value) {
        byte[] text = Json.bytes(value);
        byte[] line = Arrays.copyOf(text, text.length + 1);
        line[text.length] = '\n';
        return line;
    }
}
