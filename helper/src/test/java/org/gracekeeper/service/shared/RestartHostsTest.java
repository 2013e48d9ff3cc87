// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.nfsd.NsmState;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartHostsTest {
    @TempDir
    private Path dir;

    private FakeRestart node;

    @BeforeEach
    void aStatdWithAHost() throws Exception {
        node = new FakeRestart(dir);
        Files.writeString(Files.createDirectories(dir.resolve("statd/sm")).resolve("192.0.2.7"), "x");
    }

    private static InetAddress address(String text) {
        return InetPrefix.parseLiteral(text);
    }

    @Test
    void theyAreToldWhatWasCountedWhenTheyWereKept() throws Exception {
        NsmState number = node.hosts.keep();

        node.hosts.tell(List.of(), number);

        assertEquals(List.of(number), node.told);
        assertEquals(Optional.of(number), NsmState.read(node.number));
        assertTrue(Files.exists(node.state.hosts().resolve("192.0.2.7")));
    }

    @Test
    void whoGoesOnWithARestartTellsAnother() throws Exception {
        NsmState number = node.hosts.keep();

        node.hosts.tellAnew(List.of());

        assertEquals(1, node.told.size());
        assertTrue(node.told.get(0).value() > number.value(), node.told + " after " + number);
    }

    @Test
    void nobodyIsToldInVain() throws Exception {
        NsmState number = node.hosts.keep();
        Files.createFile(dir.resolve("restart/told"));
        node.hosts.tell(List.of(), number);
        node.hosts.tellAnew(List.of());
        Files.delete(dir.resolve("restart/told"));
        when(node.lockd.graceEnded()).thenReturn(true);
        node.hosts.tell(List.of(), number);
        node.hosts.tellAnew(List.of());

        assertEquals(List.of(), node.told);
        assertEquals(Optional.of(number), NsmState.read(node.number), "a number for nobody");
    }

    @Test
    void theyAreForgottenWhenNobodyCanReclaim() throws Exception {
        node.hosts.keep();
        node.hosts.forget();
        assertTrue(Files.exists(node.state.hosts()));

        when(node.lockd.graceEnded()).thenReturn(true);
        Files.writeString(dir.resolve("nfsd/v4_end_grace"), "Y\n");
        node.state.begin(new RestartState.Unfinished(8, null));
        node.hosts.forget();
        assertTrue(Files.exists(node.state.hosts()), "they have to be told yet");

        node.state.finished();
        node.hosts.forget();
        assertFalse(Files.exists(node.state.hosts()));
    }

    @Test
    void theServerIsKnownByAllAddressesThatOthersReach() throws IOException {
        Set<InetAddress> here = Set.of(address("127.0.0.1"), address("::1"), address("fe80::1"), address("192.0.2.9"),
                address("192.0.2.12"), address("192.0.2.1"), address("2001:db8::1"));

        assertEquals(List.of(address("2001:db8::1"), address("192.0.2.1"), address("192.0.2.12"), address("192.0.2.9")),
                RestartHosts.ordered(List.of(address("2001:db8::1"), address("198.51.100.1"), address("192.0.2.1")), here));
    }
}
