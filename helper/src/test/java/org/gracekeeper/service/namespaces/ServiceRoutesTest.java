// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.gracekeeper.net.Route;
import org.gracekeeper.net.Rule;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.Test;

class ServiceRoutesTest {
    private static final Rule LOCAL = new Rule(0, "all", "local", false);
    private static final Rule MAIN = new Rule(32766, "all", "main", false);

    private static Route route(String destination, String table, String options, Route.Hop... hops) {
        boolean v4 = destination.indexOf(':') < 0 && List.of(hops).stream().noneMatch(hop -> hop.gateway().startsWith("fe80"));
        return new Route("unicast", v4, destination, table, "boot", options, List.of(hops));
    }

    private static Route.Hop hop(String device, String gateway) {
        return new Route.Hop(device, gateway, 1);
    }

    private static List<String> of(String addresses, List<Route> routes, Rule... rules) throws Exception {
        return ServiceRoutes.of(TestService.at(Path.of("/srv/a/state"), "ip", addresses).config(), "eth0", routes,
                List.of(rules));
    }

    private static final List<Route> NODE = List.of(
            route("default", "main", "", hop("eth0", "192.0.2.254")),
            route("default", "main", "metric 9", hop("eth1", "203.0.113.1")),
            route("198.51.100.0/24", "main", "metric 33 mtu 1400", hop("eth0", "192.0.2.7")),
            route("192.0.2.0/24", "main", "", hop("eth0", "")),
            route("10.5.0.0/16", "main", "", hop("eth0", "")),
            new Route("unreachable", true, "10.6.0.0/16", "main", "boot", "", List.of(hop("eth0", ""))),
            route("default", "main", "metric 1024", hop("eth0", "fe80::1")),
            route("2001:db8::/64", "main", "metric 256", hop("eth0", "")),
            route("fe80::/64", "main", "metric 256", hop("eth0", "")),
            new Route("local", true, "192.0.2.11", "local", "kernel", "", List.of(hop("eth0", ""))));

    @Test
    void theParentsRoutesOfTheServicesFamilies() throws Exception {
        List<String> v4 = List.of("route replace default via 192.0.2.254 dev svc0 onlink",
                "route replace 198.51.100.0/24 metric 33 mtu 1400 via 192.0.2.7 dev svc0 onlink",
                "route replace 10.5.0.0/16 dev svc0");
        assertEquals(v4, of("192.0.2.1/24", NODE, LOCAL, MAIN));
        assertEquals(List.of("route replace default metric 1024 via fe80::1 dev svc0 onlink"),
                of("2001:db8::1/64", NODE, LOCAL, MAIN));
        assertEquals(4, of("192.0.2.1/24 2001:db8::1/64", NODE).size());
    }

    @Test
    void aNetworkOfTheParentsThatTheServiceHasNoAddressOf() throws Exception {
        assertTrue(of("192.0.2.1/32", NODE).contains("route replace 192.0.2.0/24 dev svc0"));
    }

    @Test
    void ofSeveralHopsThoseThroughTheParent() throws Exception {
        Route two = route("10.1.0.0/16", "main", "", hop("eth0", "192.0.2.7"), hop("eth1", "203.0.113.1"));
        assertEquals(List.of("route replace 10.1.0.0/16 via 192.0.2.7 dev svc0 onlink"), of("192.0.2.1/24", List.of(two)));
        Route both = route("10.1.0.0/16", "main", "", new Route.Hop("eth0", "192.0.2.7", 2), hop("eth0", "192.0.2.8"));
        assertEquals(List.of("route replace 10.1.0.0/16 nexthop via 192.0.2.7 dev svc0 weight 2 onlink"
                + " nexthop via 192.0.2.8 dev svc0 weight 1 onlink"), of("192.0.2.1/24", List.of(both)));
    }

    @Test
    void routersThatAdvertiseThemselvesAreUsedInTurn() throws Exception {
        List<Route> routes = List.of(route("default", "main", "metric 1024", hop("eth0", "fe80::1")),
                route("default", "main", "metric 1024", hop("eth0", "fe80::2")),
                route("default", "main", "metric 1025", hop("eth0", "fe80::3")));
        assertEquals(List.of("route replace default metric 1024 nexthop via fe80::1 dev svc0 weight 1 onlink"
                + " nexthop via fe80::2 dev svc0 weight 1 onlink", "route replace default metric 1025 via fe80::3 dev svc0 onlink"),
                of("2001:db8::1/64", routes));
    }

    @Test
    void aRuleForTheServicesAddressesAndItsTable() throws Exception {
        List<Route> routes = List.of(route("default", "77", "", hop("eth0", "192.0.2.9")),
                route("192.0.2.0/24", "77", "", hop("eth0", "")), route("default", "78", "", hop("eth1", "203.0.113.1")));
        assertEquals(List.of("route replace default table 77 via 192.0.2.9 dev svc0 onlink",
                "route replace 192.0.2.0/24 table 77 dev svc0", "rule add priority 500 from 192.0.2.0/24 table 77"),
                of("192.0.2.1/24", routes, LOCAL, new Rule(500, "192.0.2.0/24", "77", false),
                        new Rule(501, "198.51.100.0/24", "77", false), new Rule(502, "192.0.2.0/24", "77", true),
                        new Rule(503, "192.0.2.1", "78", false), MAIN));
    }

    @Test
    void whatIsConfiguredTakesTheirPlace() throws Exception {
        assertEquals(List.of("route replace default metric 5 via 192.0.2.1 dev svc0 onlink", "route replace 10.0.0.0/8 dev svc0"),
                ServiceRoutes.of(TestService.at(Path.of("/srv/a/state"), "routes",
                        "default via 192.0.2.1 metric 5, 10.0.0.0/8").config(), "eth0", NODE, List.of()));
        assertEquals(List.of(), ServiceRoutes.of(TestService.at(Path.of("/srv/a/state"), "routes", "none").config(), "eth0",
                NODE, List.of()));
    }

    @Test
    void whichOfThemGoWithTheDevice() {
        List<String> commands = List.of("route replace default via 192.0.2.1 dev svc0 onlink",
                "route replace default table 7 via fe80::1 dev svc0 onlink", "rule add priority 5 from 192.0.2.0/24 table 7",
                "rule add priority 5 from fd00::/8 table 7");
        assertEquals(commands.subList(0, 2), ServiceRoutes.routes(commands));
        assertEquals(commands.subList(2, 3), ServiceRoutes.rules(commands, true));
        assertEquals(commands.subList(3, 4), ServiceRoutes.rules(commands, false));
        assertTrue(ServiceRoutes.hasGateway(commands, true));
        assertFalse(ServiceRoutes.hasGateway(commands, false));
    }
}
