// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.report.ClientsReport;
import org.gracekeeper.service.report.StatusJson;
import org.gracekeeper.service.report.StatusReport;
import org.gracekeeper.service.report.TimelineReport;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.stack.LayerStack;
import org.gracekeeper.service.standby.StandbyBasis;
import org.gracekeeper.service.standby.StandbyRecord;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.LedgerFormat;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.timeline.Event;
import org.gracekeeper.timeline.Phase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What Jackson's data binding would write of a record is what is written, to the byte; and what it would make of a file, whatever is
 * wrong with that, is what is made of it. Files of versions that had data binding are read, and theirs read these.
 */
class RecordsAsJsonTest {
    @JsonIgnoreProperties(ignoreUnknown = true)
    private interface Lenient {
        @JsonIgnore
        boolean isComplete();
    }

    private interface WithRemark {
        @JsonProperty
        String remark();
    }

    private static final ObjectMapper BINDING = JsonMapper.builder().addMixIn(Claim.class, Lenient.class)
            .addMixIn(Registry.Stored.class, Lenient.class).addMixIn(StandbyRecord.class, Lenient.class)
            .addMixIn(StandbyBasis.class, Lenient.class).addMixIn(StandbyPlan.class, Lenient.class)
            .addMixIn(StatusReport.ServiceStatus.class, WithRemark.class).build();
    private static final ObjectMapper OF_TIMELINES = JsonMapper.builder()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .configure(DeserializationFeature.READ_UNKNOWN_ENUM_VALUES_AS_NULL, true)
            .defaultPropertyInclusion(JsonInclude.Value.construct(JsonInclude.Include.NON_DEFAULT, JsonInclude.Include.NON_DEFAULT))
            .build();

    private interface Writing<T> {
        byte[] of(T value) throws IOException;
    }

    private interface Reading<T> {
        T of(byte[] text) throws IOException;
    }

    private record Case<T>(T value, ObjectMapper binding, Writing<T> writing, Reading<T> reading) {
        private static <T> Case<T> of(T value, Writing<T> writing, Json.Reading<T> reading) {
            return new Case<>(value, BINDING, writing, text -> Json.read(text, reading));
        }

        @SuppressWarnings("unchecked")
        private T bound(byte[] text) throws IOException {
            return (T) binding.readValue(text, value.getClass());
        }

        private static <T> String outcome(byte[] text, Reading<T> reading) {
            try {
                return String.valueOf(reading.of(text));
            } catch (IOException e) {
                return "refused";
            }
        }

        private void outcomeIsThatOfBinding(JsonNode tree) throws IOException {
            byte[] text = BINDING.writeValueAsBytes(tree);
            assertEquals(outcome(text, this::bound), outcome(text, reading), () -> new String(text, StandardCharsets.UTF_8));
        }

        @Override
        public String toString() {
            return value.getClass().getSimpleName() + (value.toString().contains("null") ? " with null" : "");
        }
    }

    private static final StandbyPlan PLAN = new StandbyPlan(1, "eth0", LinkType.MACVLAN, true);
    private static final StandbyBasis BASIS = new StandbyBasis(PLAN, "bridge", 3, 1500, "5e77");
    private static final Event STOP = new Event(Event.Kind.STOP, "node1", "b00t", 1_700_000_000_000L, 0, "");
    private static final Event FAILED = new Event(Event.Kind.UP_PREPARED, "link", "", 5, 7, "\"wröng\"\\ \u2028");

    private static Registry.Stored stored(List<String> routes, Boolean opened, String refused) {
        Map<String, String> parameters = new LinkedHashMap<>(Map.of("ip", "192.0.2.10/24"));
        parameters.put("exports", "/srv/wéb *(rw)\n\t/x");
        return new Registry.Stored(parameters, "eth0", routes, List.of(
                new PlannedExport("/srv/web", "f51d", List.of(new PlannedExport.Client("192.0.2.0/24", List.of("rw", "sync"))))),
                List.of("8:1"), 90, 1_700_000_000.25, opened, true, false, refused);
    }

    static Stream<Case<?>> files() {
        HeldState client = new HeldState("6162", "ab", "[2001:db8::1]:817", 0,
                List.of(new HeldState.FileState("/srv/a", -5, "rw")), List.of(new HeldState.FileState("/srv/a", 5, "")), 1);
        Ledger ledger = new Ledger("web", 7_000_000_000L, "web", 30, 60, "", "not known",
                List.of(new Range("/srv/a", 12, LockLine.Access.WRITE, 0, LockLine.EOF, 1)),
                List.of(new Range("/srv/b", -1, LockLine.Access.READ, 1, 2, 3)), List.of(client));
        Claim claim = new Claim(1, "web", "sco\"pe", "node1", "b00t", 8, 30, 60, true);
        return Stream.of(
                Case.of(claim, value -> Json.bytes(value.json()), Claim::of),
                Case.of(stored(List.of("default via 192.0.2.1"), true, "it is in use"), value -> Json.bytes(value.json()), Registry.Stored::of),
                new Case<>(ledger, BINDING, LedgerFormat::bytes, text -> LedgerFormat.read(text, 0)),
                Case.of(new NodeLockd.Settings(90, 4045, 0), value -> Json.bytes(value.json()), NodeLockd.Settings::of),
                Case.of(PLAN, value -> Json.bytes(value.json()), StandbyPlan::of),
                Case.of(StandbyRecord.begun(BASIS), value -> Json.bytes(value.json()), StandbyRecord::of),
                Case.of(StandbyRecord.begun(BASIS).complete(new ServiceNamespaces.Numbers(4_026_531_840L, 2), 9),
                        value -> Json.bytes(value.json()), StandbyRecord::of),
                new Case<>(STOP, OF_TIMELINES, value -> Json.bytes(TimelineStore.json(value)), text -> Json.read(text, TimelineStore::event)),
                new Case<>(FAILED, OF_TIMELINES, value -> Json.bytes(TimelineStore.json(value)), text -> Json.read(text, TimelineStore::event)),
                new Case<>(new TimelineStore.Header(1, "web", 0), OF_TIMELINES, value -> Json.bytes(value.json()),
                        text -> Json.read(text, TimelineStore.Header::of)),
                new Case<>(new TimelineStore.Header(1, "web", 7), OF_TIMELINES, value -> Json.bytes(value.json()),
                        text -> Json.read(text, TimelineStore.Header::of)));
    }

    @ParameterizedTest
    @MethodSource("files")
    <T> void isWrittenAsItWould(Case<T> each) throws IOException {
        assertEquals(each.binding().writeValueAsString(each.value()), text(each.writing().of(each.value())));
    }

    @ParameterizedTest
    @MethodSource("files")
    <T> void isReadAsItWould(Case<T> each) throws IOException {
        assertEquals(each.value(), each.reading().of(each.binding().writeValueAsBytes(each.value())));
        assertEquals(each.value(), each.reading().of(pretty(each.value()).getBytes(StandardCharsets.UTF_8)));
    }

    /** Every object in a tree, the tree itself first; not a service's parameters, of which the names may be any. */
    private static List<ObjectNode> objects(JsonNode tree) {
        List<ObjectNode> objects = new ArrayList<>();
        if (tree.isObject() && !tree.has("ip")) {
            objects.add((ObjectNode) tree);
        }
        tree.forEach(child -> objects.addAll(objects(child)));
        return objects;
    }

    /** The tree with one object in it changed, for each of them. */
    private static void eachChanged(JsonNode tree, Consumer<ObjectNode> change, Case<?> each) throws IOException {
        for (int i = 0; i < objects(tree).size(); i++) {
            JsonNode changed = tree.deepCopy();
            change.accept(objects(changed).get(i));
            if (!changed.equals(tree)) {
                each.outcomeIsThatOfBinding(changed);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void whatIsWrongWithItIsTakenAsItWould(Case<?> each) throws IOException {
        JsonNode tree = BINDING.valueToTree(each.value());
        List<String> names = new ArrayList<>();
        objects(tree).forEach(object -> object.fieldNames().forEachRemaining(names::add));
        assertNotEquals(List.of(), names);
        for (String name : names) {
            eachChanged(tree, object -> object.remove(name), each);
            eachChanged(tree, object -> object.replace(name, object.has(name) ? NullNode.instance : null), each);
            eachChanged(tree, object -> object.replace(name, wrong(object.get(name))), each);
        }
        eachChanged(tree, object -> object.put("news", 1), each);
        for (String other : List.of("[]", "\"text\"", "5", "true", "{}")) {
            each.outcomeIsThatOfBinding(BINDING.readTree(other));
        }
    }

    /** Of another type; nothing in place of nothing. */
    private static JsonNode wrong(JsonNode value) {
        return value == null ? null : value.isObject() ? BINDING.createArrayNode().add(1) : BINDING.createObjectNode().put("no", true);
    }

    @ParameterizedTest
    @MethodSource("files")
    <T> void oneThatIsCutShortIsRefused(Case<T> each) throws IOException {
        String text = BINDING.writeValueAsString(each.value());
        for (int length = 0; length < text.length(); length++) {
            assertEquals("refused", Case.outcome(text.substring(0, length).getBytes(StandardCharsets.UTF_8), each.reading()));
        }
    }

    @Test
    void recordsOfOlderVersionsAreRead() throws IOException {
        for (Registry.Stored each : List.of(stored(null, null, null), stored(List.of(), false, ""))) {
            assertEquals(each, Json.read(BINDING.writeValueAsBytes(each), Registry.Stored::of));
        }
    }

    @Test
    void aLaterVersionsKindOfEventIsNone() throws IOException {
        assertEquals(Optional.empty(), Optional.ofNullable(
                Json.read("{\"kind\":\"NEWS\",\"at\":1}".getBytes(StandardCharsets.UTF_8), TimelineStore::event).kind()));
    }

    @Test
    void reportsAreAsTheyWouldBe() throws IOException {
        StatusReport.ServiceStatus status = new StatusReport.ServiceStatus("web", "serving", List.of("192.0.2.10/24"), "eth0",
                List.of("/srv/wéb"), "none", 2.5, 3, List.of(new StatusReport.Holder("NFSv4.1", "192.0.2.9:800", "confirmed")),
                List.of(new RecoveryDecision.Missing("NLM", "", "a lock")), List.of(new LayerStack.LayerState("open", "ok")), "",
                List.of("one", "two"));
        ClientsReport.ServiceClients clients = new ClientsReport.ServiceClients("web", "", List.of(
                new ClientsReport.ClientStatus("NFSv3", "192.0.2.8", null, null, null, null, null, null, "monitored"),
                new ClientsReport.ClientStatus("NFSv4.1", "192.0.2.9:800", "1", "Linux", 1L, 2L, 3L, 4L, "confirmed")));
        Phase phase = new Phase(STOP, List.of(FAILED));

        assertEquals(pretty(List.of(status)), Json.text(Json.array(List.of(status), StatusJson::of)));
        assertEquals(pretty(List.of(clients)), Json.text(Json.array(List.of(clients), ClientsReport.ServiceClients::json)));
        assertEquals(pretty(phase), Json.text(TimelineReport.phase(phase)));
        assertEquals(pretty(List.of()), Json.text(Json.texts(List.of())));
    }

    private static String pretty(Object value) throws IOException {
        return BINDING.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n";
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
