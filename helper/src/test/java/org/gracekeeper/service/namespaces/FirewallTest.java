// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.Test;
import org.mockito.Mockito;

class FirewallTest {
    private static ServiceConfig config(String... more) throws Exception {
        return TestService.at(Path.of("/srv/a/state"), more).config();
    }

    @Test
    void onlyTheServicesPortsAreOpen() throws Exception {
        String rules = Firewall.rules(config());
        assertTrue(rules.startsWith("flush ruleset\n"), rules);
        assertTrue(rules.contains("policy drop\ntcp dport { 111, 662, 2049, 4045, 20048 } accept\n"
                + "udp dport { 111, 662, 4045, 20048 } accept\n"), rules);
        String v4 = Firewall.rules(config("versions", "4.2"));
        assertTrue(v4.contains("policy drop\ntcp dport { 2049 } accept\n}"), v4);
        assertFalse(v4.contains("udp dport"), v4);
    }

    @Test
    void theAdministratorsRulesComeLastInTheSameTransaction() throws Exception {
        assertTrue(Firewall.rules(config("firewall", "/etc/my rules.nft")).endsWith("}\ninclude \"/etc/my rules.nft\"\n"));
    }

    @Test
    void thePortsAreThoseOfTheUnits() throws Exception {
        Path units = Path.of("../packaging/systemd");
        assertTrue(Files.readString(units.resolve("gracekeeper-statd@.service")).contains("/gk-statd -F -L -p 662 "));
        assertTrue(Files.readString(units.resolve("gracekeeper-mountd@.service")).contains("/gk-mountd -F -p 20048\n"));
    }

    /** @param loaded gets what nft is given */
    private static Firewall firewall(List<String> loaded, Function<List<String>, CommandResult> nft) throws Exception {
        Node node = Mockito.mock(Node.class);
        Mockito.when(node.in(Mockito.any(), Mockito.any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        Mockito.when(node.commands()).thenReturn((timeout, stdin, argv) -> {
            loaded.add(stdin);
            return nft.apply(argv);
        });
        return new Firewall(node);
    }

    /** An exit code for that would keep the service away from the node until somebody cleans up. */
    @Test
    void whatTookTooLongIsNoRefusal() throws Exception {
        Firewall firewall = firewall(new ArrayList<>(), argv -> new CommandResult(argv, 143, "", "", Duration.ofSeconds(30), true));
        for (String[] more : new String[][] {{}, {"firewall", "/etc/my.nft"}}) {
            Operation mine = TestService.operation(TestService.at(Path.of("/srv/a/state"), more), new ArrayList<>());
            firewall.begin(mine, false);
            IOException e = assertThrows(IOException.class, () -> firewall.require(mine));
            assertEquals("firewall: nft -f -: took longer than it may", e.getMessage());
        }
    }

    @Test
    void whatNftRefusesEndsTheStartWithTheReason() throws Exception {
        List<String> loaded = new ArrayList<>();
        Firewall firewall = firewall(loaded, argv -> new CommandResult(argv, 1, "",
                "In file included from /dev/stdin:2:1-21:\n/etc/my.nft:1:1-5: Error: syntax error", Duration.ZERO, false));
        Operation mine = TestService.operation(TestService.at(Path.of("/srv/a/state"), "firewall", "/etc/my.nft"),
                new ArrayList<>());
        firewall.begin(mine, false);
        OcfException e = assertThrows(OcfException.class, () -> firewall.require(mine));
        assertEquals(OcfCode.ARGS, e.code());
        assertTrue(e.getMessage().contains("parameter firewall: file /etc/my.nft") && e.getMessage().contains("syntax error"),
                e.getMessage());
        assertEquals(List.of(Firewall.rules(mine.service().config())), loaded);

        Operation plain = TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>());
        firewall.begin(plain, false);
        assertEquals(OcfCode.INSTALLED, assertThrows(OcfException.class, () -> firewall.require(plain)).code());
        firewall.require(plain);
    }

    /** What was prepared has all but the administrator's rules. */
    @Test
    void whatWasPreparedIsNotLoadedAgain() throws Exception {
        List<String> loaded = new ArrayList<>();
        Firewall firewall = firewall(loaded, argv -> new CommandResult(argv, 0, "", "", Duration.ZERO, false));
        Operation plain = TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>());
        firewall.prepare(plain.instance(), true, plain.deadline());
        assertEquals(List.of(Firewall.rules(plain.service().config())), loaded);
        firewall.begin(plain, true);
        firewall.require(plain);
        assertEquals(1, loaded.size());

        Operation own = TestService.operation(TestService.at(Path.of("/srv/a/state"), "firewall", "/etc/my.nft"), new ArrayList<>());
        firewall.begin(own, true);
        firewall.require(own);
        assertEquals(Firewall.rules(own.service().config()), loaded.get(1));
        firewall.reload(plain);
        assertEquals(3, loaded.size());
    }

    @Test
    void whatCannotBePreparedFails() throws Exception {
        Firewall firewall = firewall(new ArrayList<>(),
                argv -> new CommandResult(argv, 1, "", "Error: no nf_tables", Duration.ZERO, false));
        Operation plain = TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>());
        assertThrows(IOException.class, () -> firewall.prepare(plain.instance(), true, plain.deadline()));
    }
}
