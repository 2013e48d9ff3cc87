// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * A route, as iproute2 shows it.
 *
 * @param type        unicast, local, unreachable, ...
 * @param destination a prefix, a host, or {@code default}
 * @param table       a name of rt_tables or a number
 * @param protocol    who made it: kernel, boot, static, ra, ...
 * @param options     what follows from it for who uses it, as iproute2 takes it again: metric, mtu, ...; or empty. A router's
 *                    preference (RFC 4191) is in the metric
 * @param hops        more than one: it is used in turn
 */
public record Route(String type, boolean v4, String destination, String table, String protocol, String options,
        List<Hop> hops) {
    /** What is worth having on another device: sizes. Those of the device's speed are not. */
    private static final List<String> METRICS = List.of("mtu", "advmss", "initcwnd", "initrwnd");

    public Route {
        hops = List.copyOf(hops);
    }

    /**
     * Where it leads.
     *
     * @param gateway empty: to the link itself; else an address, or {@code inet6 ADDRESS} for an IPv4 route
     */
    public record Hop(String device, String gateway, int weight) {
        private static Hop of(JsonNode node) {
            JsonNode via = node.path("via");
            return new Hop(node.path("dev").asText(), via.has("host")
                    ? via.path("family").asText() + " " + via.path("host").asText() : node.path("gateway").asText(),
                    node.path("weight").asInt(1));
        }
    }

    static Route of(JsonNode node) {
        StringBuilder options = new StringBuilder();
        if (node.has("metric")) {
            options.append(" metric ").append(Math.max(1, node.path("metric").asLong() - preference(node)));
        }
        for (String metric : METRICS) {
            JsonNode value = node.path("metrics").path(0).path(metric);
            if (value.isIntegralNumber()) {
                options.append(' ').append(metric).append(' ').append(value.asLong());
            }
        }
        List<Hop> hops = new ArrayList<>();
        if (node.has("nexthops")) {
            node.path("nexthops").forEach(hop -> hops.add(Hop.of(hop)));
        } else {
            hops.add(Hop.of(node));
        }
        // IPv6's have a router preference (RFC 4191), each of them; a default route may have nothing else to tell by.
        return new Route(node.path("type").asText("unicast"), !node.has("pref"), node.path("dst").asText(),
                node.path("table").asText("main"), node.path("protocol").asText(), options.toString().strip(), hops);
    }

    /**
     * Of routers with one metric, which those that advertise themselves have, the kernel uses those of the highest preference that
     * it reaches. Not so with several hops of one route, so another metric stands for it.
     */
    private static int preference(JsonNode node) {
        return switch (node.path("pref").asText()) {
            case "high" -> 1;
            case "low" -> -1;
            default -> 0;
        };
    }
}
