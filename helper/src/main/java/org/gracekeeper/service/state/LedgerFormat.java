// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;

/**
 * A {@link Ledger} as JSON. There may be very many locks in it: no more than one is a tree at any time. What another version has
 * added is refused: it may be what has to be waited for.
 */
public final class LedgerFormat {
    private static final String NLM = "nlm";
    private static final String V4 = "v4";
    private static final String CLIENTS = "clients";

    private LedgerFormat() {
    }

    public static byte[] bytes(Ledger ledger) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator out = Json.generator(bytes)) {
            out.writeStartObject();
            out.writeStringField("service", ledger.service());
            out.writeNumberField("generation", ledger.generation());
            out.writeStringField("scope", ledger.scope());
            out.writeNumberField("leaseTime", ledger.leaseTime());
            out.writeNumberField("graceTime", ledger.graceTime());
            out.writeStringField("nlmUnknown", ledger.nlmUnknown());
            out.writeStringField("v4Unknown", ledger.v4Unknown());
            array(out, NLM, ledger.nlm(), LedgerFormat::json);
            array(out, V4, ledger.v4(), LedgerFormat::json);
            array(out, CLIENTS, ledger.clients(), LedgerFormat::json);
            out.writeEndObject();
        }
        return bytes.toByteArray();
    }

    private static <T> void array(JsonGenerator out, String name, List<T> values, Function<T, JsonNode> form) throws IOException {
        out.writeArrayFieldStart(name);
        for (T value : values) {
            Json.write(form.apply(value), out);
        }
        out.writeEndArray();
    }

    private static JsonNode json(Range range) {
        return Json.object().put("fileSystem", range.fileSystem()).put("inode", range.inode()).put("access", range.access().name())
                .put("first", range.first()).put("last", range.last()).put("depth", range.depth());
    }

    private static JsonNode json(HeldState client) {
        ObjectNode json = Json.object().put("owner", client.owner()).put("name", client.name()).put("address", client.address())
                .put("minorVersion", client.minorVersion());
        json.set("opens", Json.array(client.opens(), LedgerFormat::json));
        json.set("locks", Json.array(client.locks(), LedgerFormat::json));
        return json.put("hidden", client.hidden());
    }

    private static JsonNode json(HeldState.FileState file) {
        return Json.object().put("fileSystem", file.fileSystem()).put("inode", file.inode()).put("access", file.access());
    }

    /** @param from where in {@code text} it begins */
    public static Ledger read(byte[] text, int from) throws IOException {
        ObjectNode head = Json.object();
        List<Range> nlm = null;
        List<Range> v4 = null;
        List<HeldState> clients = null;
        try (JsonParser in = Json.begin(text, from)) {
            for (String name = in.nextFieldName(); name != null; name = in.nextFieldName()) {
                switch (name) {
                    case NLM -> nlm = Json.list(in, LedgerFormat::range);
                    case V4 -> v4 = Json.list(in, LedgerFormat::range);
                    case CLIENTS -> clients = Json.list(in, LedgerFormat::client);
                    default -> head.set(name, Json.next(in));
                }
            }
        }
        return ledger(head, nlm, v4, clients);
    }

    private static Ledger ledger(JsonNode head, List<Range> nlm, List<Range> v4, List<HeldState> clients) throws IOException {
        return Json.made(head, f -> f.only(new Ledger(f.text("service"), f.number("generation"), f.text("scope"),
                f.integer("leaseTime"), f.integer("graceTime"), f.text("nlmUnknown"), f.text("v4Unknown"), nlm, v4, clients)));
    }

    private static Range range(Fields f) throws IOException {
        return f.only(new Range(f.text("fileSystem"), f.number("inode"), f.constant("access", LockLine.Access.class),
                f.number("first"), f.number("last"), f.integer("depth")));
    }

    private static HeldState client(Fields f) throws IOException {
        return f.only(new HeldState(f.text("owner"), f.text("name"), f.text("address"), f.integer("minorVersion"),
                f.list("opens", LedgerFormat::file), f.list("locks", LedgerFormat::file), f.integer("hidden")));
    }

    private static HeldState.FileState file(Fields f) throws IOException {
        return f.only(new HeldState.FileState(f.text("fileSystem"), f.number("inode"), f.text("access")));
    }
}
