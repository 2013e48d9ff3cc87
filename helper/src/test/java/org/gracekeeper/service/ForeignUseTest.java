// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gracekeeper.model.Release;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ForeignUseTest {
    private static final Set<InetAddress> OWN = Set.of(ip("192.0.2.1"), ip("2001:db8::1"));

    @TempDir
    private Path dir;

    private static InetAddress ip(String text) {
        try {
            return InetAddress.getByName(text);
        } catch (java.net.UnknownHostException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private List<String> found(Map<InetAddress, Set<InetAddress>> servers) throws Exception {
        FakeServers fake = new FakeServers(dir);
        fake.client(1, "192.0.2.71:700", FakeServers.open(1, FakeServers.HERE, 1));
        fake.client(2, "[2001:db8::72]:700", FakeServers.open(2, FakeServers.HERE, 1), FakeServers.open(3, FakeServers.THERE, 1));
        Release held = Release.of(Set.of(FakeServers.HERE), List.of(), List.of(), fake.nfsd.clients());
        return ForeignUse.foreign(held, servers, OWN).stream().map(each -> each + (each.elsewhere() ? " elsewhere" : "")).toList();
    }

    @Test
    void whoHasConnectionsWithOtherAddressesOnly() throws Exception {
        assertEquals(List.of("NFSv4.2 192.0.2.71:700 (through 192.0.2.9)", "NFSv4.2 [2001:db8::72]:700 (through 2001:db8::9) elsewhere"),
                found(Map.of(ip("192.0.2.71"), Set.of(ip("192.0.2.9")), ip("2001:db8::72"), Set.of(ip("2001:db8::9")))));
    }

    @Test
    void whoHasOneWithTheServiceToo() throws Exception {
        assertEquals(List.of(), found(Map.of(ip("192.0.2.71"), Set.of(ip("192.0.2.9"), ip("192.0.2.1")))));
    }

    @Test
    void whoHasNone() throws Exception {
        assertEquals(List.of(), found(Map.of()));
    }
}
