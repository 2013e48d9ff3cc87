// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.Registry;

/** What is prepared on this node for services that do not run here, as {@code gracekeeper status} shows it. Thread-safe. */
public final class PreparedList {
    private static final int WIDTH = 100;

    private final Registry registry;
    private final Standbys standbys;

    public PreparedList(Registry registry, Standbys standbys) {
        this.registry = registry;
        this.standbys = standbys;
    }

    /**
     * One of them.
     *
     * @param parent the node's device below its own; empty where that is not known, of what another version has made
     * @param complete whether a start could have it: else it is just being made, or was cut short
     */
    public record Prepared(ServiceName name, String parent, boolean complete) {}

    /** By name. A service that is recorded is none, although its start may not have come to its standby yet. */
    public List<Prepared> all() throws IOException {
        List<Prepared> all = new ArrayList<>();
        for (ServiceName name : standbys.standing()) {
            if (!registry.exists(name)) {
                Optional<StandbyRecord> record = standbys.record(name);
                all.add(new Prepared(name, record.map(r -> r.basis().plan().parent()).orElse(""),
                        record.map(StandbyRecord::isComplete).orElse(false)));
            }
        }
        return all;
    }

    /** A paragraph for each device, with the names; empty where there is nothing. */
    public static String text(List<Prepared> all) {
        Map<String, List<String>> names = new TreeMap<>();
        for (Prepared each : all) {
            String what = each.complete() ? "prepared on " + each.parent() : "prepared in part";
            names.computeIfAbsent(what + ", and not running here:", key -> new ArrayList<>()).add(each.name().value());
        }
        StringBuilder text = new StringBuilder();
        names.forEach((head, list) -> wrap(head, list, text));
        return text.toString();
    }

    private static void wrap(String head, List<String> words, StringBuilder text) {
        StringBuilder line = new StringBuilder(head);
        for (String word : words) {
            if (line.length() + 1 + word.length() > WIDTH) {
                text.append(line).append('\n');
                line.setLength(0);
                line.append(' ');
            }
            line.append(' ').append(word);
        }
        text.append(line).append('\n');
    }
}
