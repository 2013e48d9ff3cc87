// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.util.List;
import java.util.Set;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Mutations;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;

class IpLinkTest {
    @Test
    void realDevicesAddressesAndRoutes() throws Exception {
        Root.required();
        try (TestNet net = new TestNet()) {
            IpLink ip = net.links;
            IpLink.Link bridge = link(ip, net.client, "br0");
            assertEquals("bridge", bridge.kind());
            assertTrue(bridge.up() && bridge.lowerUp());
            assertEquals("br0", link(ip, net.client, "p1").master());
            IpLink.Link service = link(ip, net.node1, "svc0");
            assertEquals("veth", service.kind());
            assertEquals(TestNet.SERVICE_MAC, service.mac());
            assertFalse(link(ip, net.node2, "svc0").up());

            List<IpLink.Address> addresses = ip.read(net.node1).addresses();
            assertTrue(addresses.contains(new IpLink.Address("svc0", TestNet.V4, 24, false, false)));
            assertTrue(addresses.contains(new IpLink.Address("svc0", TestNet.V6, 64, false, false)));

            ip.batch(net.node1, List.of("route add default via 192.0.2.1 metric 7 mtu 1400", "link add d0 type veth peer name d1",
                    "route add default via 192.0.2.7 table 77", "route add default via 2001:db8::7 dev svc0",
                    "route add 2001:db8:1::/48 via 2001:db8::7 dev svc0 metric 9 pref high",
                    "route add 2001:db8:2::/48 via 2001:db8::7 dev svc0 metric 9 pref low",
                    "route add 198.51.100.0/24 nexthop via 192.0.2.8 weight 2 nexthop via 192.0.2.9",
                    "route add unreachable 203.0.113.0/24", "rule add from 192.0.2.0/24 table 77 priority 500",
                    "rule add from 192.0.2.0/24 fwmark 5 table 77 priority 501"));
            ip.batch6(net.node1, List.of("rule add from 2001:db8::/32 table 77 priority 500"));
            IpLink.Network network = ip.read(net.node1);
            for (Route route : List.of(
                    route("unicast", true, "default", "main", "metric 7 mtu 1400", "192.0.2.1"),
                    route("unicast", true, "default", "77", "", "192.0.2.7"),
                    route("unicast", false, "default", "main", "metric 1024", "2001:db8::7"),
                    route("unicast", false, "2001:db8:1::/48", "main", "metric 8", "2001:db8::7"),
                    route("unicast", false, "2001:db8:2::/48", "main", "metric 10", "2001:db8::7"),
                    new Route("unicast", true, "198.51.100.0/24", "main", "boot", "", List.of(
                            new Route.Hop("svc0", "192.0.2.8", 2), new Route.Hop("svc0", "192.0.2.9", 1))))) {
                assertTrue(network.routes().contains(route), route + " is none of " + network.routes());
            }
            assertTrue(network.routes().stream().anyMatch(r -> r.type().equals("unreachable")));
            assertTrue(network.rules().containsAll(List.of(new Rule(500, "192.0.2.0/24", "77", false),
                    new Rule(501, "192.0.2.0/24", "77", true), new Rule(32766, "all", "main", false))),
                    network.rules().toString());
            assertTrue(ip.rules6(net.node1).contains(new Rule(500, "2001:db8::/32", "77", false)));
            new Namespaces(LinuxKernel.load()).call(TestNet.in(net.node1), null, () -> {
                GatewayRoutes gateways = new GatewayRoutes(LinuxKernel.load());
                assertTrue(gateways.present("svc0", true) && gateways.present("svc0", false));
                assertFalse(gateways.present("d0", true) || gateways.present("d0", false));
                return null;
            });
            ip.batch(net.node1, List.of("link set svc0 down", "link set svc0 up"));
            new Namespaces(LinuxKernel.load()).call(TestNet.in(net.node1), null, () -> {
                GatewayRoutes gateways = new GatewayRoutes(LinuxKernel.load());
                assertFalse(gateways.present("svc0", true) || gateways.present("svc0", false));
                return null;
            });
            CommandException some = assertThrows(CommandException.class, () -> ip.batchAll(net.node1,
                    List.of("route add 198.51.100.0/24 via 203.0.113.1", "route add default via 192.0.2.1")));
            assertTrue(some.getMessage().contains("invalid gateway"), some.getMessage());
            assertTrue(ip.read(net.node1).routes().contains(route("unicast", true, "default", "main", "", "192.0.2.1")));
            assertEquals("d1", link(ip, net.node1, "d0").parent());
            CommandException e = assertThrows(CommandException.class,
                    () -> ip.batch(net.node1, List.of("link add d0 type veth peer name d1")));
            assertTrue(e.getMessage().contains("File exists"), e.getMessage());
        }
    }

    @Test
    void aDeviceIsSetUpAndDownWithoutAProcess() throws Exception {
        Root.required();
        Kernel kernel = LinuxKernel.load();
        try (TestNet net = new TestNet()) {
            new Namespaces(kernel).call(TestNet.in(net.node2), null, () -> {
                for (boolean up : List.of(true, true, false, false, true)) {
                    kernel.setUp("svc0", up);
                    assertEquals(up, kernel.isUp("svc0"));
                }
                KernelException e = assertThrows(KernelException.class, () -> kernel.setUp("none0", true));
                assertEquals(Errno.ENODEV, e.errno());
                return null;
            });
            Set<String> flags = link(net.links, net.node2, "svc0").flags();
            assertTrue(flags.containsAll(Set.of("UP", "BROADCAST", "MULTICAST")), flags.toString());
        }
    }

    /** Where the device is down, too. */
    @Test
    void addressesAndNumberWithoutAProcess() throws Exception {
        Root.required();
        Kernel kernel = LinuxKernel.load();
        try (TestNet net = new TestNet()) {
            int index = link(net.links, net.node2, "svc0").index();
            for (boolean has : List.of(false, true)) {
                if (has) {
                    TestNet.ip(net.node2, "address", "add", "192.0.2.7/24", "dev", "svc0");
                    TestNet.ip(net.node2, "address", "add", "2001:db8::7/64", "dev", "svc0", "nodad");
                }
                new Namespaces(kernel).call(TestNet.in(net.node2), null, () -> {
                    assertFalse(kernel.isUp("svc0"));
                    assertEquals(has, kernel.hasIpv4Address("svc0"));
                    Set<InetAddress> local = new LocalAddresses(kernel).read();
                    assertEquals(has, local.contains(InetAddress.getByName("192.0.2.7")));
                    assertEquals(has, local.contains(InetAddress.getByName("2001:db8::7")));
                    assertEquals(index, kernel.interfaceIndex("svc0"));
                    assertEquals(Errno.ENODEV,
                            assertThrows(KernelException.class, () -> kernel.hasIpv4Address("none0")).errno());
                    return null;
                });
            }
        }
    }

    @Test
    void addressesAreGivenAndDevicesRemovedWithoutAProcess() throws Exception {
        Root.required();
        Kernel kernel = LinuxKernel.load();
        try (TestNet net = new TestNet()) {
            new Namespaces(kernel).call(TestNet.in(net.node2), null, () -> {
                for (String address : List.of("192.0.2.7/24", "2001:db8::7/64", "198.51.100.1/32")) {
                    InetPrefix prefix = InetPrefix.parse(address);
                    kernel.addAddress("svc0", prefix.address(), prefix.length());
                    KernelException again = assertThrows(KernelException.class,
                            () -> kernel.addAddress("svc0", prefix.address(), prefix.length()));
                    assertEquals(Errno.EEXIST, again.errno());
                    assertEquals(Errno.ENODEV, assertThrows(KernelException.class,
                            () -> kernel.addAddress("none0", prefix.address(), prefix.length())).errno());
                }
                kernel.setUp("svc0", true);
                return null;
            });
            IpLink.Network network = net.links.read(net.node2);
            for (IpLink.Address address : List.of(new IpLink.Address("svc0", "192.0.2.7", 24, false, false),
                    new IpLink.Address("svc0", "2001:db8::7", 64, false, false),
                    new IpLink.Address("svc0", "198.51.100.1", 32, false, false))) {
                assertTrue(network.addresses().contains(address), address + " is none of " + network.addresses());
            }
            assertTrue(network.routes().stream().anyMatch(route -> route.toString().contains("192.0.2.0/24")), network.routes().toString());
            new Namespaces(kernel).call(TestNet.in(net.node2), null, () -> {
                kernel.removeDevice("svc0");
                assertEquals(Errno.ENODEV, assertThrows(KernelException.class, () -> kernel.isUp("svc0")).errno());
                assertEquals(Errno.ENODEV, assertThrows(KernelException.class, () -> kernel.removeDevice("svc0")).errno());
                return null;
            });
        }
    }

    @Test
    void aBatchIsOneCommandALine() {
        IpLink ip = new IpLink((timeout, stdin, argv) -> {
            throw new AssertionError("must not run");
        });
        assertThrows(IllegalArgumentException.class, () -> ip.batch(null, List.of("link show\nlink del eth0")));
        assertThrows(IllegalArgumentException.class, () -> ip.batch(null, List.of("link show \\")));
    }

    @Test
    void damageIsTyped() throws Exception {
        String json = "[{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[\"UP\"],\"linkinfo\":{\"info_kind\":\"x\"}},{}]";
        assertEquals(new IpLink.Network(List.of(), List.of(), List.of(), List.of()), IpLink.parse(""));
        assertEquals(List.of("lo"), IpLink.parse(json + "\n\n[]").links().stream().map(IpLink.Link::name).toList());
        assertThrows(UnexpectedFormatException.class, () -> IpLink.parse("{}"));
        // Taken for UTF-32.
        assertThrows(UnexpectedFormatException.class, () -> IpLink.parse("[\0\0\0 "));
        Mutations.feed(json, 20_000, UnexpectedFormatException.class, IpLink::parse);
    }

    private static Route route(String type, boolean v4, String destination, String table, String options, String gateway) {
        return new Route(type, v4, destination, table, "boot", options, List.of(new Route.Hop("svc0", gateway, 1)));
    }

    private static IpLink.Link link(IpLink ip, String netns, String name) throws Exception {
        return ip.read(netns).links().stream().filter(l -> l.name().equals(name)).findFirst().orElseThrow();
    }
}
