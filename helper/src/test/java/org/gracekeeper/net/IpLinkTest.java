// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.model.Mutations;
import org.gracekeeper.model.UnexpectedFormatException;
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

            assertTrue(ip.addresses(net.node1).contains(
                    new IpLink.Address("svc0", TestNet.V4, 24, false, false)));
            assertTrue(ip.addresses(net.node1).contains(
                    new IpLink.Address("svc0", TestNet.V6, 64, false, false)));
            assertTrue(ip.routes(net.node1).contains(new IpLink.Route("192.0.2.0/24", "svc0", "")));
            assertTrue(ip.routes(net.node1).contains(new IpLink.Route("2001:db8::/64", "svc0", "")));

            ip.batch(net.node1, List.of("route add default via 192.0.2.1", "link add d0 type veth peer name d1"));
            assertTrue(ip.routes(net.node1).contains(new IpLink.Route("default", "svc0", "192.0.2.1")));
            assertEquals("d1", link(ip, net.node1, "d0").parent());
            CommandException e = assertThrows(CommandException.class,
                    () -> ip.batch(net.node1, List.of("link add d0 type veth peer name d1")));
            assertTrue(e.getMessage().contains("File exists"), e.getMessage());
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
        assertEquals(0, IpLink.parse("").size());
        assertThrows(UnexpectedFormatException.class, () -> IpLink.parse("{}"));
        Mutations.feed(json, 20_000, UnexpectedFormatException.class, IpLink::parse);
    }

    private static IpLink.Link link(IpLink ip, String netns, String name) throws Exception {
        return ip.links(netns).stream().filter(l -> l.name().equals(name)).findFirst().orElseThrow();
    }
}
