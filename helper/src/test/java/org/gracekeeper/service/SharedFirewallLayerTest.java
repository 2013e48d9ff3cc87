// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.PlannedExport;
import org.junit.jupiter.api.Test;

class SharedFirewallLayerTest {
    private static RunningService service(String name, String addresses, String enforce, String... hosts) throws Exception {
        RunningService plain = TestService.of(name,
                TestService.parameters(Path.of("/srv/" + name), "ip", addresses, "instance", "node", "enforce", enforce));
        return new RunningService(plain.config(), "eth0", List.of(), List.of(new PlannedExport("/srv/" + name + "/data", "1",
                Arrays.stream(hosts).map(host -> new PlannedExport.Client(host, List.of("rw"))).toList())), List.of(), 90, 0,
                false, false, false, "");
    }

    private static List<String> rules(RunningService... services) {
        return SharedFirewallLayer.rules(List.of(services)).lines().filter(line -> line.contains("dport")).toList();
    }

    @Test
    void hostsComeThroughTheAddressesOfThoseThatExportToThem() throws Exception {
        RunningService web = service("web", "192.0.2.1/24 2001:db8::1/64", "yes", "198.51.100.0/24", "2001:db8:1::/48");
        RunningService db = service("db", "192.0.2.2/24", "no", "198.51.100.128/255.255.255.128");
        RunningService other = service("other", "192.0.2.3/24", "no", "203.0.113.1");

        assertEquals(List.of(
                "iifname != lo ip saddr 198.51.100.0/24 ip daddr != { 192.0.2.1, 192.0.2.2 } tcp dport 2049 reject with tcp reset",
                "iifname != lo ip6 saddr 2001:db8:1::/48 ip6 daddr != { 2001:db8::1 } tcp dport 2049 reject with tcp reset"),
                rules(web, db, other));
    }

    @Test
    void everybodyIsEveryFamily() throws Exception {
        assertEquals(List.of(
                "iifname != lo meta nfproto ipv4 ip daddr != { 192.0.2.1 } tcp dport 2049 reject with tcp reset",
                "iifname != lo meta nfproto ipv6 tcp dport 2049 reject with tcp reset"),
                rules(service("web", "192.0.2.1/24", "yes", "*")));
    }

    @Test
    void aServiceThatDoesNotEnforceHasNoRule() throws Exception {
        assertEquals(List.of(), rules(service("web", "192.0.2.1/24", "no", "*")));
    }

    @Test
    void whoComesThroughOtherAddressesIsNamedWithoutEnforceToo() throws Exception {
        ForeignUse foreign = mock(ForeignUse.class);
        Layer layer = new SharedFirewallLayer(null, null, foreign, null, null);
        List<String> said = new ArrayList<>();
        Operation operation = TestService.operation(service("web", "192.0.2.1/24", "no", "*"), said);
        when(foreign.find(any())).thenReturn(List.of());
        assertEquals(Optional.empty(), layer.remark(operation));

        Nfs4Client client = new Nfs4Client(1, "192.0.2.71:700", "confirmed", new byte[1], 2, List.of(), "1", 0, "UP", 0);
        Set<InetAddress> through = Set.of(InetAddress.getByName("192.0.2.9"));
        when(foreign.find(any())).thenReturn(List.of(new ForeignUse.Found(client, false, through)));
        assertEquals("clients use its file systems through other addresses, and lose what they have there when it moves:"
                + " NFSv4.2 192.0.2.71:700 (through 192.0.2.9); mount from the service's own, or see parameter enforce",
                layer.remark(operation).orElseThrow());
        assertEquals(List.of(), said);

        when(foreign.find(any())).thenThrow(new IOException("no /proc/net/tcp"));
        assertEquals(Optional.empty(), layer.remark(operation), "it serves all the same");
        assertEquals(List.of("whether clients come through other addresses cannot be told: no /proc/net/tcp"), said);
    }
}
