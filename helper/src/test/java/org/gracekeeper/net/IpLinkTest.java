// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.gracekeeper.exec.CommandException;
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

            assertEquals(List.of(), ip.read(net.node1).defaultRoutes());
            ip.batch(net.node1, List.of("route add default via 192.0.2.1", "link add d0 type veth peer name d1",
                    "route add default via 192.0.2.7 table 77", "route add default via 2001:db8::7 dev svc0"));
            assertEquals(List.of(new IpLink.Route("svc0", "192.0.2.1"), new IpLink.Route("svc0", "2001:db8::7")),
                    ip.read(net.node1).defaultRoutes());
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
        assertEquals(new IpLink.Network(List.of(), List.of(), List.of()), IpLink.parse(""));
        assertEquals(List.of("lo"), IpLink.parse(json + "\n\n[]").links().stream().map(IpLink.Link::name).toList());
        assertThrows(UnexpectedFormatException.class, () -> IpLink.parse("{}"));
        Mutations.feed(json, 20_000, UnexpectedFormatException.class, IpLink::parse);
    }

    private static IpLink.Link link(IpLink ip, String netns, String name) throws Exception {
        return ip.read(netns).links().stream().filter(l -> l.name().equals(name)).findFirst().orElseThrow();
    }
}
