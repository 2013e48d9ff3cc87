// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.net.Route;
import org.gracekeeper.net.Rule;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
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

    private static IpLink.Address address(String device, String address, int prefix) {
        return new IpLink.Address(device, address, prefix, false, false);
    }

    @Test
    void theSmallestNetworkHasTheService() throws Exception {
        ServiceConfig config = TestService.at(Path.of("/srv/a/state"), "ip", "10.1.2.50/24").config();
        IpLink.Address wide = address("eth0", "10.0.0.7", 8);
        IpLink.Address narrow = address("eth1", "10.1.2.7", 24);
        IpLink.Address other = address("eth2", "10.1.3.7", 24);
        IpLink.Address same = address("eth3", "10.1.2.8", 24);
        assertEquals("eth1", ParentDevice.byNetwork(config, List.of(wide, narrow, other)));
        assertEquals("eth1", ParentDevice.byNetwork(config, List.of(narrow, same, wide)));
        assertEquals("eth0", ParentDevice.byNetwork(config, List.of(other, wide)));
        OcfException e = assertThrows(OcfException.class, () -> ParentDevice.byNetwork(config, List.of(other)));
        assertTrue(e.getMessage().contains("name the device with parameter nic"), e.getMessage());
    }

    @Test
    void oneKindOfChildOnADevice() {
        IpLink.Link macvlan = link("mv0", "macvlan", "", "eth0", "BROADCAST", "UP");
        assertTrue(problem(ETH0, LinkType.IPVLAN, ETH0, macvlan).contains("link_type=macvlan"));
        assertEquals("none", problem(ETH0, LinkType.MACVLAN, ETH0, macvlan));
    }

    @Test
    void theRulesOfIpv6AreAskedForWhereTheyMatter() throws Exception {
        IpLink ip = mock(IpLink.class);
        when(ip.read(null)).thenReturn(new IpLink.Network(List.of(ETH0), List.of(), List.of(
                new Route("unicast", false, "default", "77", "boot", "metric 1024",
                        List.of(new Route.Hop("eth0", "fe80::1", 1)))), List.of()));
        when(ip.rules6(null)).thenReturn(List.of(new Rule(500, "2001:db8::/32", "77", false)));

        assertEquals(new ParentDevice.Parent("eth0", List.of()), new ParentDevice(ip).choose(config("192.0.2.1/24")));
        verify(ip, never()).rules6(null);
        assertEquals(List.of("route replace default table 77 metric 1024 via fe80::1 dev svc0 onlink",
                "rule add priority 500 from 2001:db8::/32 table 77"),
                new ParentDevice(ip).choose(config("2001:db8::1/64")).routes());
    }

    /** The kernel takes away routes through a device that is set down. The service's own are there as long as its device is up. */
    @Test
    void ofADeviceThatIsDownOrHasAnotherNameTheyStay() throws Exception {
        IpLink ip = mock(IpLink.class);
        List<String> before = List.of("route replace default via 192.0.2.254 dev svc0 onlink");
        RunningService service = TestService.at(Path.of("/srv/a/state")).withRoutes(before);
        for (IpLink.Link now : List.of(link("eth0", "", "", "", "BROADCAST"), link("lan0", "", "", "", "BROADCAST", "UP"))) {
            when(ip.read(null)).thenReturn(new IpLink.Network(List.of(now), List.of(), List.of(), List.of()));
            assertEquals(before, new ParentDevice(ip).routes(service));
        }
        when(ip.read(null)).thenReturn(new IpLink.Network(List.of(ETH0), List.of(), List.of(), List.of()));
        assertEquals(List.of(), new ParentDevice(ip).routes(service));
    }

    /** It is a process of its own, while clients wait. */
    @Test
    void theyAreNotAskedForWhereTheyCouldLeadNowhere() throws Exception {
        IpLink ip = mock(IpLink.class);
        when(ip.read(null)).thenReturn(new IpLink.Network(List.of(ETH0), List.of(), List.of(
                new Route("unicast", false, "default", "main", "boot", "", List.of(new Route.Hop("eth0", "fe80::1", 1))),
                new Route("unicast", false, "default", "77", "boot", "", List.of(new Route.Hop("eth1", "fe80::1", 1))),
                new Route("unicast", true, "default", "77", "boot", "", List.of(new Route.Hop("eth0", "192.0.2.254", 1))),
                new Route("local", false, "2001:db8::11", "local", "kernel", "", List.of(new Route.Hop("eth0", "", 1)))),
                List.of()));

        assertEquals(List.of("route replace default via fe80::1 dev svc0 onlink"),
                new ParentDevice(ip).choose(config("2001:db8::1/64")).routes());
        verify(ip, never()).rules6(null);
    }

    private static ServiceConfig config(String addresses) throws Exception {
        return TestService.at(Path.of("/srv/a/state"), "ip", addresses, "nic", "eth0").config();
    }
}
