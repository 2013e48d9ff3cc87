// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServiceConfigTest {
    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("ip", ""), Map.entry("nic", ""), Map.entry("link_type", "ipvlan"), Map.entry("routes", ""),
            Map.entry("firewall", ""), Map.entry("state_dir", ""),
            Map.entry("exports", ""), Map.entry("versions", "3 4.0 4.1 4.2"), Map.entry("threads", "8"),
            Map.entry("lease_time", "90"), Map.entry("grace_time", "90"), Map.entry("scope", ""),
            Map.entry("early_end", "yes"), Map.entry("wait_for_recovery", "no"),
            Map.entry("delegations", "no"), Map.entry("warm_standby", "yes"), Map.entry("instance", "own"), Map.entry("grace", "none"), Map.entry("enforce", "no"));

    private static ServiceConfig config(String... overrides) throws OcfException {
        Map<String, String> environment = new HashMap<>(Map.of(
                "OCF_RESKEY_ip", "10.77.0.100/24 fd77::100/64",
                "OCF_RESKEY_state_dir", "/srv/a/.gracekeeper",
                "OCF_RESKEY_exports", "/srv/a/data 10.77.0.0/24(rw)"));
        for (int i = 0; i < overrides.length; i += 2) {
            environment.put("OCF_RESKEY_" + overrides[i], overrides[i + 1]);
        }
        return ServiceConfig.of(new ServiceName("nfs-a"), Parameters.of(environment, DEFAULTS));
    }

    @Test
    void defaultsAreThoseOfTheMetadata() throws Exception {
        ServiceConfig config = config();
        assertEquals(2, config.addresses().size());
        assertEquals(LinkType.IPVLAN, config.linkType());
        assertEquals(Set.of(NfsVersion.values()), config.versions());
        assertEquals(8, config.threads());
        assertEquals(90, config.leaseTime());
        assertEquals(90, config.graceTime());
        assertEquals("nfs-a", config.scope());
        assertTrue(config.warmStandby());
        assertFalse(config("warm_standby", "no").warmStandby());
    }

    @Test
    void anNfsdOfItsOwnUnlessTheNodesIsAskedFor() throws Exception {
        assertEquals(Optional.empty(), config().shared());
        assertEquals(Optional.of(new SharedServer(false, false)), config("instance", "node").shared());
        assertEquals(Optional.of(new SharedServer(true, true)),
                config("instance", "node", "grace", "restart", "enforce", "yes").shared());
    }

    @ParameterizedTest
    @CsvSource({
        "instance, both, must be own or node",
        "grace, long, must be none or restart",
        "grace, restart, is for instance=node only",
        "enforce, yes, is for instance=node only",
    })
    void whatIsForTheNodesNfsdOnly(String parameter, String value, String why) {
        OcfException e = assertThrows(OcfException.class, () -> config(parameter, value));
        assertEquals(OcfCode.CONFIGURED, e.code());
        assertTrue(e.getMessage().startsWith("parameter " + parameter + ": ") && e.getMessage().contains(why), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "threads, 16", "versions, 3", "lease_time, 30", "early_end, no", "delegations, yes", "routes, none",
        "firewall, /srv/a/rules", "link_type, macvlan", "grace_time, 100", "wait_for_recovery, yes", "warm_standby, no",
    })
    void whatIsForAnNfsdOfItsOwnOnly(String parameter, String value) throws Exception {
        config(parameter, value);
        OcfException e = assertThrows(OcfException.class, () -> config(parameter, value, "instance", "node"));
        assertEquals(OcfCode.CONFIGURED, e.code());
        assertTrue(e.getMessage().startsWith("parameter " + parameter + ": "), e.getMessage());
    }

    @Test
    void aNewlineMayComeAsPacemakerWritesIt() throws Exception {
        String lines = "/srv/a/data *(rw)\n/srv/a/more *(ro)\n";
        assertEquals(lines, config("exports", lines).exports());
        assertEquals(lines, config("exports", lines.replace("\n", "\\n")).exports());
        // A continued line, too.
        assertEquals("/srv/a/data \\\n*(rw)", config("exports", "/srv/a/data \\\\n*(rw)").exports());
    }

    @Test
    void routesAreWordsOfIpRoute() throws Exception {
        assertEquals(Optional.empty(), config().routes());
        assertEquals(Optional.of(List.of()), config("routes", "none").routes());
        List<RouteSpec> routes = config("routes",
                "default via 10.77.0.1 metric 5 mtu 1400, fd50::/64 via fe80::1\\n10.1.0.0/16").routes().orElseThrow();
        assertEquals(List.of(
                new RouteSpec(Optional.empty(), Optional.of(InetAddress.getByName("10.77.0.1")), "metric 5 mtu 1400"),
                new RouteSpec(Optional.of(InetPrefix.parse("fd50::/64")), Optional.of(InetAddress.getByName("fe80::1")), ""),
                new RouteSpec(Optional.of(InetPrefix.parse("10.1.0.0/16")), Optional.empty(), "")), routes);
        OcfException e = assertThrows(OcfException.class, () -> config("ip", "fd77::1/64", "routes", "10.1.0.0/16"));
        assertTrue(e.getMessage().contains("routes for IPv4"), e.getMessage());
    }

    @Test
    void metaParametersAndEmptyValuesAreNotParameters() throws Exception {
        assertEquals(8, config("CRM_meta_timeout", "20000", "threads", " ", "crm_feature_set", "3.16").threads());
    }

    @Test
    void graceAboveWhatLockdCanDoIsForNfsV4Only() throws Exception {
        assertThrows(OcfException.class, () -> config("grace_time", "300"));
        assertEquals(300, config("grace_time", "300", "versions", "4.2").graceTime());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "ip         | 10.77.0.100            | prefix length is missing",
        "ip         | 10.77.0.100/24 10.77.0.100/24 | twice",
        "ip         | 127.0.0.1/8            | clients",
        "ip         | --help                 | prefix length",
        "nic        | 'eth0; reboot'         | device",
        "nic        | -x                     | device",
        "nic        | abcdefghijklmnop       | device",
        "link_type  | bridge                 | ipvlan or macvlan",
        "routes     | default                | no gateway",
        "routes     | 10.1.2.3/16 via 10.77.0.1 | not a network",
        "routes     | 10.1.0.0 via 10.77.0.1 | prefix length",
        "routes     | 10.1.0.0/16 via fd77::1 | reverse",
        "routes     | 10.1.0.0/16 dev eth0   | none of that",
        "routes     | 10.1.0.0/16 via        | nothing follows",
        "routes     | 10.1.0.0/16 metric x   | not a number",
        "firewall   | rules.nft              | absolute",
        "firewall   | '/etc/a\"b'           | quotes",
        "state_dir  | srv/state              | absolute",
        "state_dir  | /                      | not the root",
        "exports    | srv                    | not absolute",
        "versions   | '3 5'                  | \"5\" is none",
        "threads    | 0                      | from 1 to",
        "threads    | 8x                     | whole number",
        "threads    | 99999999999999999999   | whole number",
        "lease_time | 9                      | from 10 to",
        "early_end | maybe                   | must be yes or no",
        "grace_time | 60                     | shorter than lease_time=90",
        "scope      | 'a b'                  | letters",
        "scope      | _a                     | beginning with a letter or digit",
        "thread     | 8                      | unknown"
    })
    void aWrongValueIsNamedWithItsParameter(String parameter, String value, String expected) {
        OcfException e = assertThrows(OcfException.class, () -> config(parameter, value));
        assertEquals(OcfCode.CONFIGURED, e.code());
        assertTrue(e.getMessage().contains(expected), e.getMessage());
        assertTrue(e.getMessage().contains("parameter"), e.getMessage());
    }

    @Test
    void aMissingRequiredParameterIsNamed() {
        OcfException e = assertThrows(OcfException.class,
                () -> ServiceConfig.of(new ServiceName("a"), Parameters.of(Map.of(), DEFAULTS)));
        assertTrue(e.getMessage().contains("is required"), e.getMessage());
    }

    @Test
    void resourceNamesThatCannotNameAServiceAreRefused() {
        for (String name : new String[] {null, "", "a:0", "../a", "-a", "a b", "a/b", "a".repeat(65)}) {
            assertThrows(OcfException.class, () -> ServiceName.ofResource(name));
        }
    }
}
