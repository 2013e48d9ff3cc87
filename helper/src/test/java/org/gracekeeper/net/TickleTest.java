// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.Set;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TickleTest {
    private final Kernel kernel = LinuxKernel.load();
    private final Namespaces namespaces = new Namespaces(kernel);

    @ParameterizedTest
    @ValueSource(strings = {TestNet.V4, TestNet.V6})
    void aClientOfAVanishedServerIsReset(String address) throws Exception {
        Root.required();
        InetAddress service = InetAddress.getByName(address);
        try (TestNet net = new TestNet();
                ServerSocket server = namespaces.call(TestNet.in(net.node1), null,
                        () -> new ServerSocket(2049, 10, service));
                Socket client = namespaces.call(TestNet.in(net.client), null, () -> connect(service));
                Socket accepted = server.accept()) {
            List<TcpPeer> peers = namespaces.call(TestNet.in(net.node1), null,
                    () -> new TcpPeers(kernel, TcpPeers.PROC_NET).established(Set.of(service)));
            assertEquals(List.of(new TcpPeer(service, 2049, client.getLocalAddress(), client.getLocalPort())), peers);
            peers = TcpPeers.parseFormatted(TcpPeers.format(peers));
            net.move();

            List<TcpPeer> recorded = peers;
            Tickle.Result result = namespaces.call(TestNet.in(net.node2), null,
                    () -> new Tickle(kernel).send(recorded));
            client.setSoTimeout(5000); // one that waits for its server sends nothing, and would never know
            SocketException reset = assertThrows(SocketException.class, () -> client.getInputStream().read());

            assertEquals(1, result.sent(), () -> result.failures().toString());
            assertTrue(reset.getMessage().contains("reset"), reset.getMessage());
            accepted.setSoLinger(true, 0);
        }
    }

    @Test
    void aLivingConnectionIsNotHarmed() throws Exception {
        Root.required();
        InetAddress service = InetAddress.getByName(TestNet.V4);
        try (TestNet net = new TestNet();
                ServerSocket server = namespaces.call(TestNet.in(net.node1), null,
                        () -> new ServerSocket(2049, 10, service));
                Socket client = namespaces.call(TestNet.in(net.client), null, () -> connect(service));
                Socket accepted = server.accept()) {
            TcpPeer peer = new TcpPeer(service, 2049, client.getLocalAddress(), client.getLocalPort());
            namespaces.call(TestNet.in(net.node1), null, () -> new Tickle(kernel).send(List.of(peer)));

            client.setSoTimeout(200);
            assertThrows(SocketTimeoutException.class, () -> client.getInputStream().read());
            accepted.getOutputStream().write(42);
            assertEquals(42, client.getInputStream().read());
        }
    }

    @Test
    void oneFailureDoesNotStopTheOthers() throws Exception {
        Root.required();
        InetAddress foreign = InetAddress.getByName("192.0.2.100");
        InetAddress lo = InetAddress.getByName("127.0.0.1");

        Tickle.Result result = new Tickle(kernel).send(List.of(
                new TcpPeer(foreign, 2049, lo, 1), new TcpPeer(lo, 2049, lo, 1)));

        assertEquals(1, result.sent());
        assertEquals("bind", result.failures().get(0).call());
    }

    private static Socket connect(InetAddress service) throws Exception {
        Socket socket = new Socket();
        socket.connect(new InetSocketAddress(service, 2049), 10_000);
        return socket;
    }
}
