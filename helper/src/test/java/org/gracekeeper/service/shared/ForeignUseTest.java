// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.gracekeeper.model.Release;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.service.release.FakeServers;
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

    private List<String> found(String... connections) throws Exception {
        FakeServers fake = new FakeServers(dir);
        fake.client(1, "192.0.2.71:700", FakeServers.open(1, FakeServers.HERE, 1));
        fake.client(2, "[2001:db8::72]:700", FakeServers.open(2, FakeServers.HERE, 1), FakeServers.open(3, FakeServers.THERE, 1));
        Release held = Release.of(Set.of(FakeServers.HERE), List.of(), List.of(), fake.nfsd.clients());
        List<TcpPeer> all = Stream.of(connections).map(line -> TcpPeer.parse(line).orElseThrow()).toList();
        return ForeignUse.foreign(held, all, OWN).stream().map(each -> each + (each.elsewhere() ? " elsewhere" : "")).toList();
    }

    @Test
    void whoHasConnectionsWithOtherAddressesOnly() throws Exception {
        assertEquals(List.of("NFSv4.2 192.0.2.71:700 (through 192.0.2.9)", "NFSv4.2 [2001:db8::72]:700 (through 2001:db8::9) elsewhere"),
                found("192.0.2.9:2049 192.0.2.71:701", "[2001:db8::9]:2049 [2001:db8::72]:700"));
    }

    @Test
    void whoHasOneWithTheServiceToo() throws Exception {
        assertEquals(List.of(), found("192.0.2.9:2049 192.0.2.71:701", "192.0.2.1:2049 192.0.2.71:702"));
    }

    @Test
    void whoHasAnotherProtocolsOneWithTheService() throws Exception {
        assertEquals(List.of("NFSv4.2 192.0.2.71:700 (through 192.0.2.9)"),
                found("192.0.2.9:2049 192.0.2.71:700", "192.0.2.1:2049 192.0.2.71:702", "192.0.2.1:22 192.0.2.71:700"));
    }

    @Test
    void whoHasNone() throws Exception {
        assertEquals(List.of(), found());
    }
}
