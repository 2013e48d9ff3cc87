// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.Mutations;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.nfsd.Fixtures;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.Test;

class TcpPeersTest {
    @Test
    void onlyEstablishedOnes() throws Exception {
        assertEquals(List.of("192.0.2.100:2049 192.0.2.21:817", "127.0.0.1:683 127.0.0.1:111"),
                strings(TcpPeers.parse(Fixtures.read("linux-6.1/tcp"))));
    }

    @Test
    void mappedAddressesAreIpv4() throws Exception {
        assertEquals(List.of("[2001:db8:0:0:0:0:0:100]:2049 [2001:db8:0:0:0:0:0:21]:999",
                        "192.0.2.100:2049 192.0.2.23:700"),
                strings(TcpPeers.parse(Fixtures.read("linux-6.1/tcp6"))));
    }

    @Test
    void ofTheServicesAddressesAndWithoutIpv6() throws Exception {
        Kernel kernel = mock(Kernel.class);
        Path net = Path.of("/net");
        when(kernel.read(any(), anyInt())).thenThrow(KernelException.of("open", "tcp6", Errno.ENOENT));
        doReturn(Fixtures.read("linux-6.1/tcp").getBytes(StandardCharsets.US_ASCII))
                .when(kernel).read(net.resolve("tcp"), 1 << 28);

        assertEquals(List.of("192.0.2.100:2049 192.0.2.21:817"), strings(
                new TcpPeers(kernel, net).established(Set.of(InetAddress.getByName("192.0.2.100")))));
    }

    @Test
    void theTextFormComesBack() throws Exception {
        List<TcpPeer> peers = TcpPeers.parse(Fixtures.read("linux-6.1/tcp6"));

        assertEquals(peers, TcpPeers.parseFormatted(TcpPeers.format(peers)));
        for (String bad : List.of("", "x", "192.0.2.1:1", "192.0.2.1:99999 192.0.2.2:1", "192.0.2.256:1 192.0.2.2:1",
                "1.2.3.4.5:1 192.0.2.2:1", "[::g]:1 [::1]:2", "[1:2]:1 [::1]:2", "[:::::]:1 [::1]:2")) {
            assertEquals(Optional.empty(), TcpPeer.parse(bad), bad);
        }
    }

    @Test
    void damageIsTyped() throws Exception {
        assertThrows(UnexpectedFormatException.class, () -> TcpPeers.parse("hello"));
        Mutations.feed(Fixtures.read("linux-6.1/tcp"), 20_000, UnexpectedFormatException.class, TcpPeers::parse);
        Mutations.feed(Fixtures.read("linux-6.1/tcp6"), 20_000, UnexpectedFormatException.class, TcpPeers::parse);
        String text = TcpPeers.format(TcpPeers.parse(Fixtures.read("linux-6.1/tcp6")));
        Mutations.feed(text, 20_000, UnexpectedFormatException.class, TcpPeers::parseFormatted);
        assertTrue(TcpPeers.parseFormatted("damaged\n" + text).size() == 2);
    }

    private static List<String> strings(List<TcpPeer> peers) {
        return peers.stream().map(TcpPeer::toString).toList();
    }
}
