// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedFirewallLayerTest {
    private final Node node = mock(Node.class);
    private final Registry registry = mock(Registry.class);
    private final List<String> loaded = new ArrayList<>();
    /** What nft refuses. */
    private Predicate<String> refused = commands -> false;
    /** Somebody has, so that nft has no such table to list. */
    private boolean flushed;
    private Path marker;

    /** With a service {@code db} that enforces, or not, beside the test's. */
    private Layer layer(Path dir, String enforce) throws Exception {
        marker = dir.resolve("enforce");
        ForeignUse foreign = mock(ForeignUse.class);
        when(foreign.find(any())).thenReturn(List.of());
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(node.commands()).thenReturn((timeout, stdin, argv) -> {
            if (stdin == null) {
                return new CommandResult(argv, flushed ? 1 : 0, "", "", Duration.ZERO, false);
            }
            loaded.add(stdin.contains("chain") ? "rules" : "nothing");
            return new CommandResult(argv, refused.test(stdin) ? 1 : 0, "", "", Duration.ZERO, false);
        });
        List<RunningService> others = List.of(service("db", "192.0.2.2/24", enforce, "198.51.100.0/24"));
        when(registry.others(any())).thenReturn(others);
        return new SharedFirewallLayer(node, registry, foreign, null, marker);
    }

    private static Operation web(String enforce) throws Exception {
        return TestService.operation(service("web", "192.0.2.1/24", enforce, "*"), new ArrayList<>());
    }

    @Test
    void theLastServiceTakesTheRulesWithIt(@TempDir Path dir) throws Exception {
        Layer layer = layer(dir, "no");
        layer.up(web("yes"));
        assertTrue(Files.exists(marker));

        layer.down(web("yes"));

        assertEquals(List.of("rules", "nothing"), loaded);
        assertFalse(Files.exists(marker));
        layer.tend(web("no"));
        assertEquals(2, loaded.size());
    }

    /** All of them are recorded until all of their layers are down. */
    @Test
    void servicesThatStopTogetherTakeTheRulesWithThem(@TempDir Path dir) throws Exception {
        Layer layer = layer(dir, "yes");
        Operation db = TestService.operation(service("db", "192.0.2.2/24", "yes", "198.51.100.0/24"), new ArrayList<>());
        layer.up(db);
        layer.up(web("no"));
        layer.down(db);
        layer.down(web("no"));

        assertEquals(List.of("rules", "rules", "nothing"), loaded);
        assertFalse(Files.exists(marker));

        layer.up(db);
        layer.down(web("no"));
        assertEquals(List.of("rules", "rules"), loaded.subList(3, 5), "one that has come back has its rules");
    }

    @Test
    void rulesThatCannotBeMadeAnewGoUntilTheNextMonitor(@TempDir Path dir) throws Exception {
        Layer layer = layer(dir, "yes");
        layer.up(web("yes"));
        refused = commands -> commands.contains("chain");

        IOException e = assertThrows(IOException.class, () -> layer.down(web("yes")));

        assertTrue(e.getMessage().contains("no rules until the next monitor"), e.getMessage());
        assertFalse(Files.exists(marker));
        refused = commands -> false;
        layer.tend(web("yes"));
        assertEquals(List.of("rules", "rules", "nothing", "rules"), loaded);
        assertTrue(Files.exists(marker));
    }

    @Test
    void thoseThatStayAreTakenAwayByTheNextMonitorOfAny(@TempDir Path dir) throws Exception {
        Layer layer = layer(dir, "no");
        layer.up(web("yes"));
        refused = commands -> true;

        IOException e = assertThrows(IOException.class, () -> layer.down(web("yes")));

        assertTrue(e.getMessage().contains("nft delete table inet gracekeeper_node"), e.getMessage());
        loaded.clear();
        layer.tend(web("no"));
        assertEquals(List.of("nothing"), loaded);
        refused = commands -> false;
        layer.tend(web("no"));
        layer.tend(web("no"));
        assertEquals(List.of("nothing", "nothing"), loaded);
        assertFalse(Files.exists(marker));
    }

    /** As nftables.service does when it is reloaded: /etc/nftables.conf begins with "flush ruleset". */
    @Test
    void rulesThatSomebodyHasFlushedAreMadeAnewByTheNextMonitor(@TempDir Path dir) throws Exception {
        Layer layer = layer(dir, "no");
        layer.up(web("yes"));
        layer.tend(web("yes"));
        layer.tend(web("no"));
        assertEquals(List.of("rules"), loaded);

        flushed = true;
        layer.tend(web("yes"));

        assertEquals(List.of("rules", "rules"), loaded);
    }

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
