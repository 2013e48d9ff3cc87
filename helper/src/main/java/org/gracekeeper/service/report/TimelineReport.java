// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.timeline.Event;
import org.gracekeeper.timeline.Outage;
import org.gracekeeper.timeline.Phase;
import org.gracekeeper.timeline.Timeline;
import org.gracekeeper.timeline.TimelineSvg;
import org.gracekeeper.timeline.TimelineText;

/** What {@code gracekeeper timeline} shows: a service's last stop and start, as both nodes recorded them. Thread-safe. */
public final class TimelineReport {
    private final Registry registry;
    private final TimelineStore store;

    public TimelineReport(Registry registry, TimelineStore store) {
        this.registry = registry;
        this.store = store;
    }

    /** @throws OcfException (NOT_RUNNING) when nothing is known of the service on this node */
    public String text(ServiceName name) throws OcfException, IOException {
        return TimelineText.of(find(name), ZoneId.systemDefault());
    }

    /** As {@link #text}, as a picture. */
    public String svg(ServiceName name) throws OcfException, IOException {
        return TimelineSvg.of(find(name), ZoneId.systemDefault());
    }

    /** As {@link #text}, for programs. */
    public String json(ServiceName name) throws OcfException, IOException {
        Timeline timeline = find(name);
        Outage outage = timeline.outage();
        ObjectNode json = Json.object().put("service", name.value()).put("title", timeline.title());
        json.set("notes", Json.texts(timeline.notes()));
        // Null when it is not known since when, or has not ended.
        json.set("notReachable", outage.micros().filter(micros -> outage.shutKnown())
                .map(micros -> notReachable(micros, outage.parts())).orElse(null));
        json.put("recovering", timeline.recovering()); // whether clients may still reclaim
        json.set("phases", Json.array(timeline.phases(), TimelineReport::phase));
        return Json.text(json);
    }

    private static ObjectNode notReachable(long micros, List<Outage.Part> parts) {
        return Json.object().put("micros", micros).set("parts", Json.array(parts, part ->
                Json.object().put("node", part.node()).put("what", part.what()).put("micros", part.micros())));
    }

    public static JsonNode phase(Phase phase) {
        ObjectNode json = Json.object().set("begin", event(phase.begin()));
        return json.set("events", Json.array(phase.events(), TimelineReport::event));
    }

    private static JsonNode event(Event event) {
        return Json.object().put("kind", event.kind().name()).put("name", event.name()).put("boot", event.boot())
                .put("at", event.at()).put("micros", event.micros()).put("detail", event.detail());
    }

    private Timeline find(ServiceName name) throws OcfException, IOException {
        Optional<RunningService> running = registry.load(name);
        TimelineStore.Found own = store.own(name);
        List<Phase> phases = Phase.of(own.events());
        if (phases.isEmpty() && running.isEmpty()) {
            throw new OcfException(OcfCode.NOT_RUNNING, "service " + name + " does not run on this node, and has not since"
                    + " the node's boot: ask the node where it runs, see crm_mon");
        }
        if (phases.isEmpty()) {
            throw new OcfException(OcfCode.GENERIC, "how service " + name + " was started here is not recorded"
                    + (own.problem().isEmpty() ? "" : " (" + own.problem() + ")") + ": its next move will be");
        }
        List<String> remarks = new ArrayList<>();
        if (running.isEmpty()) {
            remarks.add(name + " does not run on this node: this is what happened here last; the node where it runs, see"
                    + " crm_mon, knows how it went on");
        }
        if (!own.problem().isEmpty()) {
            remarks.add(own.problem());
        }
        TimelineStore.Found before = running.isPresent() ? before(running.get())
                : new TimelineStore.Found(List.of(), "they are on the service's storage");
        return Timeline.of(name.value(), phases, Phase.of(before.events()), before.problem(), remarks);
    }

    private TimelineStore.Found before(RunningService service) throws IOException {
        ServiceName name = service.config().name();
        OptionalLong generation = registry.generation(name);
        return generation.isEmpty() ? new TimelineStore.Found(List.of(), "this start has not come so far yet")
                : store.handed(service.state(), name, generation.getAsLong() - 1);
    }
}
