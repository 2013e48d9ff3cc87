// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ConnectionResetTest {
    private final Node node = mock(Node.class);
    private final Kernel kernel = mock(Kernel.class);
    private final PeerList peers = mock(PeerList.class);
    private final List<String> said = new ArrayList<>();

    @BeforeEach
    void aNode() throws Exception {
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
    }

    private void previous(String... connections) throws Exception {
        when(peers.before(any())).thenReturn(Stream.of(connections).map(each -> TcpPeer.parse(each).orElseThrow()).toList());
        new ConnectionReset(node, peers).previous(TestService.withLevels(TestService.at(Path.of("/srv/a/state")), said));
    }

    /** Each line of an action is a process of the agent's, and clients may be hundreds. */
    @Test
    void clientsThatCannotBeReachedAreOneLine() throws Exception {
        for (String host : List.of("198.51.100.1", "198.51.100.2")) {
            doThrow(KernelException.of("sendto", host, Errno.ENODEV)).when(kernel)
                    .sendTo(anyInt(), eq(InetAddress.getByName(host)), any());
        }
        previous("192.0.2.1:2049 198.51.100.1:700", "192.0.2.1:2049 192.0.2.9:700", "192.0.2.1:2049 198.51.100.2:700");

        assertEquals(2, said.size(), said.toString());
        assertEquals("INFO reset 1 connections of the previous node", said.get(0));
        assertEquals("WARN 2 connections of the previous node are not reset, their clients resume some seconds later; the first: "
                + KernelException.of("sendto", "198.51.100.1", Errno.ENODEV).getMessage(), said.get(1));
    }

    /** The parameter ip has changed. */
    @Test
    void thoseOfAnAddressThatIsNotTheServicesAnyMoreAreLeftOut() throws Exception {
        when(kernel.rawSocket(eq(InetAddress.getByName("192.0.2.77")), anyInt()))
                .thenThrow(KernelException.of("bind", "192.0.2.77 protocol 6", Errno.EADDRNOTAVAIL));
        previous("192.0.2.77:2049 192.0.2.9:700", "192.0.2.1:2049 192.0.2.9:701");
        assertEquals(List.of("INFO reset 1 connections of the previous node"), said);
        said.clear();
        previous("192.0.2.77:2049 192.0.2.9:700");
        assertEquals(List.of(), said);
    }
}
