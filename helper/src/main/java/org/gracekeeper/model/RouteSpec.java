// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A route as the parameter {@code routes} has it: {@code DESTINATION [via GATEWAY] [metric NUMBER] [mtu BYTES]}, words of
 * ip-route(8).
 *
 * @param destination a network, or empty for the default route
 * @param gateway empty: the destination is on the link itself
 * @param options the rest, as given
 */
public record RouteSpec(Optional<InetPrefix> destination, Optional<InetAddress> gateway, String options) {

    /**
     * @param text routes separated by commas or newlines
     * @throws IllegalArgumentException with the reason
     */
    static List<RouteSpec> parseAll(String text) {
        List<RouteSpec> routes = new ArrayList<>();
        for (String line : text.split("[,\n]")) {
            if (!line.isBlank()) {
                routes.add(parse(List.of(line.strip().split("\\s+"))));
            }
        }
        return routes;
    }

    private static RouteSpec parse(List<String> words) {
        Optional<InetPrefix> destination =
                words.get(0).equals("default") ? Optional.empty() : Optional.of(network(words.get(0)));
        Optional<InetAddress> gateway = Optional.empty();
        StringBuilder options = new StringBuilder();
        for (int i = 1; i < words.size(); i += 2) {
            if (i + 1 == words.size()) {
                throw new IllegalArgumentException("nothing follows \"" + words.get(i) + "\"");
            }
            String value = words.get(i + 1);
            switch (words.get(i)) {
                case "via" -> gateway = Optional.of(InetPrefix.parseLiteral(value));
                case "metric", "mtu" -> options.append(' ').append(words.get(i)).append(' ').append(number(value));
                default -> throw new IllegalArgumentException("a route is DESTINATION [via GATEWAY] [metric NUMBER]"
                        + " [mtu BYTES], and \"" + words.get(i) + "\" none of that");
            }
        }
        if (destination.isEmpty() && gateway.isEmpty()) {
            throw new IllegalArgumentException("the default route has no gateway, write default via GATEWAY");
        }
        if (destination.isPresent() && gateway.isPresent()
                && destination.get().isV4() != gateway.get() instanceof Inet4Address) {
            throw new IllegalArgumentException("a gateway of IPv4 has no routes for IPv6, and the reverse");
        }
        return new RouteSpec(destination, gateway, options.toString().strip());
    }

    private static InetPrefix network(String text) {
        InetPrefix network = InetPrefix.parse(text);
        if (!network.isNetwork()) {
            throw new IllegalArgumentException("\"" + text + "\" is not a network: there are bits behind its prefix");
        }
        return network;
    }

    private static int number(String text) {
        if (!text.matches("[0-9]{1,9}")) {
            throw new IllegalArgumentException("\"" + text + "\" is not a number");
        }
        return Integer.parseInt(text);
    }

    public boolean isV4() {
        return destination.map(InetPrefix::isV4).orElseGet(() -> gateway.orElseThrow() instanceof Inet4Address);
    }
}
