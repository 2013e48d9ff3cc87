// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
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
final class TimelineStore {
    private static final int FORMAT = 1;
    private static final long MAX = 1 << 20;
    private static final ObjectMapper JSON = JsonMapper.builder()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .configure(DeserializationFeature.READ_UNKNOWN_ENUM_VALUES_AS_NULL, true)
            .defaultPropertyInclusion(JsonInclude.Value.construct(
                    JsonInclude.Include.NON_DEFAULT, JsonInclude.Include.NON_DEFAULT))
            .build();

    private final Path root;
    private final DurableFiles files;

    /** @param root where this node's own files are */
    TimelineStore(Path root, DurableFiles files) {
        this.root = root;
        this.files = files;
    }

    /**
     * The first line.
     *
     * @param generation the start whose end this is, see {@link ClaimLayer}; 0 on the node
     */
    private record Header(int format, String service, long generation) {}

    /**
     * Events that were found.
     *
     * @param problem why there are none, or not all, in words; else empty
     */
    record Found(List<Event> events, String problem) {
        Found {
            events = List.copyOf(events);
        }

        private static Found none(String problem) {
            return new Found(List.of(), problem);
        }
    }

    /** This node's record of the service begins anew. */
    void begin(ServiceName service) throws IOException {
        Files.createDirectories(root);
        Files.write(root.resolve(service.value()), line(new Header(FORMAT, service.value(), 0)));
    }

    /** Adds to this node's record of the service. */
    void append(ServiceName service, Event event) throws IOException {
        Path file = root.resolve(service.value());
        if (!Files.exists(file)) {
            begin(service);
        }
        Files.write(file, line(event), StandardOpenOption.APPEND);
    }

    /** What this node recorded of the service since its boot. */
    Found own(ServiceName service) {
        return read(root.resolve(service.value()), service, 0);
    }

    /** Leaves events to the next start, in place of what there is. */
    void handOn(StateDirectory state, ServiceName service, long generation, List<Event> events) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append(new String(line(new Header(FORMAT, service.value(), generation)), StandardCharsets.UTF_8));
        for (Event event : events) {
            text.append(new String(line(event), StandardCharsets.UTF_8));
        }
        files.writeUnsynced(state.timeline(), text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * What was left to a start.
     *
     * @param generation of the start whose end it has to be
     */
    Found handed(StateDirectory state, ServiceName service, long generation) {
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
            Header header = JSON.readValue(lines.isEmpty() ? "" : lines.get(0), Header.class);
            if (header != null && header.service() != null && header.format() == FORMAT) {
                return header;
            }
        } catch (JsonProcessingException e) {
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
                Event event = JSON.readValue(line, Event.class);
                if (event != null && event.kind() != null) {
                    events.add(event);
                }
            } catch (JsonProcessingException e) {
                bad++;
            }
        }
        return new Found(events, bad == 0 ? "" : bad + " lines of " + file + " cannot be read");
    }

    private static byte[] line(Object value) throws IOException {
        return (JSON.writeValueAsString(value) + "\n").getBytes(StandardCharsets.UTF_8);
    }
}
