// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeerListTest {
    private static final TcpPeer FIRST = TcpPeer.parse("192.0.2.1:2049 192.0.2.21:817").orElseThrow();
    private static final TcpPeer SECOND = TcpPeer.parse("[2001:db8::1]:2049 [2001:db8::21]:908").orElseThrow();

    @TempDir
    private Path dir;

    private final List<String> said = new ArrayList<>();
    private final PeerList peers = new PeerList(new DurableFiles(LinuxKernel.load()));
    private StateDirectory state;

    @BeforeEach
    void directory() {
        state = new StateDirectory(dir);
    }

    @Test
    void untilRecoveryHasEndedThoseOfBeforeStay() throws Exception {
        peers.save(state, List.of(FIRST), true);

        peers.save(state, List.of(), false);
        assertEquals(List.of(FIRST), peers.read(state));
        peers.save(state, List.of(SECOND, FIRST), false);
        assertEquals(List.of(FIRST, SECOND), peers.read(state));

        peers.save(state, List.of(SECOND), true);
        assertEquals(List.of(SECOND), peers.read(state));
    }

    @Test
    void damageCostsWhatItHasHitOnly() throws Exception {
        assertEquals(List.of(), before());
        peers.save(state, List.of(FIRST, SECOND), true);
        assertEquals(List.of(FIRST, SECOND), before());
        assertEquals(List.of(), said);
        ByteArrayOutputStream damaged = new ByteArrayOutputStream();
        damaged.write(new byte[] {(byte) 0xff, (byte) 0xc0, 0, '\n'}); // no text in UTF-8
        damaged.write(Files.readAllBytes(state.peers()));
        Files.write(state.peers(), damaged.toByteArray());

        assertEquals(List.of(FIRST, SECOND), before());

        assertTrue(said.get(0).contains("peers.damaged"), said.get(0));
        assertArrayEquals(damaged.toByteArray(), Files.readAllBytes(dir.resolve("peers.damaged")));
        said.clear();
        peers.save(state, List.of(), false);
        assertEquals(List.of(FIRST, SECOND), before());
        assertEquals(List.of(), said);
    }

    @Test
    void aListThatCannotBeReadAtAllIsNone() throws Exception {
        Files.createDirectory(state.peers());
        assertEquals(List.of(), before());
        assertEquals(1, said.size(), said.toString());
    }

    private List<TcpPeer> before() throws Exception {
        return peers.before(TestService.operation(TestService.at(dir), said));
    }
}
