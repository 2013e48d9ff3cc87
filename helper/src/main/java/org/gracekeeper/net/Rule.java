// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Iterator;
import java.util.Set;

/**
 * A rule of policy routing, as iproute2 shows it.
 *
 * @param source  a prefix, or {@code all}
 * @param table   looked up for what matches; empty where something else is done
 * @param special whether more is asked of a packet than its source, or more is done than a look-up
 */
public record Rule(long priority, String source, String table, boolean special) {
    private static final Set<String> PLAIN = Set.of("priority", "src", "srclen", "table", "protocol");

    static Rule of(JsonNode node) {
        boolean special = false;
        for (Iterator<String> names = node.fieldNames(); names.hasNext();) {
            special |= !PLAIN.contains(names.next());
        }
        String source = node.path("src").asText();
        return new Rule(node.path("priority").asLong(),
                node.has("srclen") ? source + "/" + node.path("srclen").asInt() : source,
                node.path("table").asText(), special);
    }
}
