// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.RouteSpec;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.Route;
import org.gracekeeper.net.Rule;
import org.gracekeeper.service.state.Instance;

/**
 * What a service reaches beyond its own networks, and how: as its node does through the device below the service's, or as
 * configured. Commands of ip(8) come of it, without I/O.
 */
final class ServiceRoutes {
    private static final String ROUTE = "route replace ";
    private static final String RULE = "rule add ";
    private static final String MAIN = "main";

    private ServiceRoutes() {}

    /**
     * The commands for a service, its rules last. A service has its routes through one device, so those that the node has
     * through others do not count, and a rule counts that asks for nothing but a source address and leads to a table with
     * routes through that device.
     *
     * @param parent the node's device below the service's
     * @param routes the node's, all tables
     * @param rules the node's
     */
    static List<String> of(ServiceConfig config, String parent, List<Route> routes, List<Rule> rules) {
        if (config.routes().isPresent()) {
            return config.routes().get().stream().map(ServiceRoutes::command).toList();
        }
        List<String> commands = new ArrayList<>(through(config, parent, routes, MAIN));
        List<String> last = new ArrayList<>();
        for (Rule rule : rules) {
            if (applies(config, rule) && !rule.table().equals(MAIN)) {
                List<String> there = through(config, parent, routes, rule.table());
                if (!there.isEmpty()) {
                    commands.addAll(there);
                    last.add(RULE + "priority " + rule.priority() + " from " + rule.source() + " table " + rule.table());
                }
            }
        }
        commands.addAll(last);
        return commands.stream().distinct().toList();
    }

    /** What ends with the device's being up. */
    static List<String> routes(List<String> commands) {
        return commands.stream().filter(command -> command.startsWith(ROUTE)).toList();
    }

    /** What is there whether the device is up or not. */
    static List<String> rules(List<String> commands, boolean v4) {
        return commands.stream().filter(command -> command.startsWith(RULE) && command.indexOf(':') < 0 == v4).toList();
    }

    /** Whether there is a route through a gateway in the main table. */
    static boolean hasGateway(List<String> commands, boolean v4) {
        return routes(commands).stream().anyMatch(command -> command.contains(" via ") && !command.contains(" table ")
                && !command.contains(" inet6 ") && command.indexOf(':') < 0 == v4);
    }

    /** Whether a rule of that family could lead to routes through the device, which are not in the main table. */
    static boolean rulesMatter(String parent, List<Route> routes, boolean v4) {
        return routes.stream().anyMatch(route -> route.v4() == v4 && !route.table().equals(MAIN)
                && !through(parent, route).isEmpty());
    }

    /** The ways through the device, of a route that leads somewhere. */
    private static List<Route.Hop> through(String parent, Route route) {
        return route.type().equals("unicast") ? route.hops().stream().filter(hop -> hop.device().equals(parent)).toList()
                : List.of();
    }

    /** Where the same hops lead. */
    private record Way(boolean v4, String destination, String options) {}

    /** Each router that advertises itself has a route of its own on the node. Here one would take the other's place. */
    private static List<String> through(ServiceConfig config, String parent, List<Route> routes, String table) {
        Map<Way, List<Route.Hop>> ways = new LinkedHashMap<>();
        for (Route route : routes) {
            List<Route.Hop> hops = through(parent, route);
            if (route.table().equals(table) && !hops.isEmpty() && config.hasFamily(route.v4()) && !isOwn(config, route)) {
                ways.computeIfAbsent(new Way(route.v4(), route.destination(), route.options()), way -> new ArrayList<>()).addAll(hops);
            }
        }
        return ways.entrySet().stream().map(way -> command(way.getKey(), table, way.getValue())).toList();
    }

    /** What the kernel makes for the service's device by itself: of its addresses, and fe80::/64. */
    private static boolean isOwn(ServiceConfig config, Route route) {
        return route.table().equals(MAIN) && prefix(route.destination(), route.v4()).filter(network ->
                network.address().isLinkLocalAddress()
                        || config.addresses().stream().anyMatch(network::sameNetwork)).isPresent();
    }

    private static String command(Way way, String table, List<Route.Hop> hops) {
        StringBuilder command = new StringBuilder(ROUTE).append(way.destination());
        if (!table.equals(MAIN)) {
            command.append(" table ").append(table);
        }
        if (!way.options().isEmpty()) {
            command.append(' ').append(way.options());
        }
        for (Route.Hop hop : hops) {
            command.append(hops.size() > 1 ? " nexthop" : "").append(hop(hop.gateway()));
            command.append(hops.size() > 1 ? " weight " + hop.weight() : "");
            // Behind the weight: it is a flag of the hop.
            command.append(hop.gateway().isEmpty() ? "" : " onlink");
        }
        return command.toString();
    }

    /** By {@code onlink}, since the gateway may be in a network of the parent's that the service has no address of. */
    private static String command(RouteSpec route) {
        String gateway = route.gateway().map(AddressText::of).orElse("");
        return ROUTE + route.destination().map(InetPrefix::toString).orElse("default")
                + (route.options().isEmpty() ? "" : " " + route.options()) + hop(gateway)
                + (gateway.isEmpty() ? "" : " onlink");
    }

    private static String hop(String gateway) {
        return (gateway.isEmpty() ? "" : " via " + gateway) + " dev " + Instance.DEVICE;
    }

    private static boolean applies(ServiceConfig config, Rule rule) {
        if (rule.special() || rule.table().isEmpty()) {
            return false;
        }
        // From all of them means of one family, and that is known from where it was read only; the kernel's own are such.
        boolean v4 = rule.source().indexOf(':') < 0;
        return prefix(rule.source(), v4).filter(from ->
                config.addresses().stream().anyMatch(own -> from.contains(own.address()))).isPresent();
    }

    /** Empty for {@code default} and {@code all}. */
    private static Optional<InetPrefix> prefix(String text, boolean v4) {
        try {
            return Optional.of(InetPrefix.parse(text.indexOf('/') < 0 ? text + (v4 ? "/32" : "/128") : text));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
