// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.net.IpLink;
import org.junit.jupiter.api.Test;

class ParentDeviceTest {
    private static IpLink.Link link(String name, String kind, String master, String parent, String... flags) {
        return new IpLink.Link(1, name, "02:00:00:00:00:01", kind, Set.of(flags), master, parent);
    }

    private static final IpLink.Link ETH0 = link("eth0", "", "", "", "BROADCAST", "UP");

    private static String problem(IpLink.Link link, LinkType type, IpLink.Link... others) {
        return ParentDevice.problem(link, List.of(others), type).orElse("none");
    }

    @Test
    void anEthernetDeviceThatIsUpCanBeTheParent() {
        assertEquals(Optional.empty(), ParentDevice.problem(ETH0, List.of(ETH0), LinkType.IPVLAN));
    }

    @Test
    void whatCannotCarryAChildIsRefusedWithTheReason() {
        assertTrue(problem(link("lo", "", "", "", "LOOPBACK", "UP"), LinkType.IPVLAN).contains("loopback"));
        assertTrue(problem(link("tun0", "tun", "", "", "NOARP", "UP"), LinkType.IPVLAN).contains("Ethernet"));
        assertTrue(problem(link("eth1", "", "", "", "BROADCAST"), LinkType.IPVLAN).contains("is down"));
        assertTrue(problem(link("eth1", "", "br0", "", "BROADCAST", "UP"), LinkType.IPVLAN,
                link("br0", "bridge", "", "", "BROADCAST", "UP")).contains("bridge br0"));
        assertTrue(problem(link("eth1", "", "bond0", "", "BROADCAST", "UP"), LinkType.MACVLAN,
                link("bond0", "bond", "", "", "BROADCAST", "UP")).contains("bond bond0"));
    }

    @Test
    void oneKindOfChildOnADevice() {
        IpLink.Link macvlan = link("mv0", "macvlan", "", "eth0", "BROADCAST", "UP");
        assertTrue(problem(ETH0, LinkType.IPVLAN, ETH0, macvlan).contains("link_type=macvlan"));
        assertEquals("none", problem(ETH0, LinkType.MACVLAN, ETH0, macvlan));
    }
}
