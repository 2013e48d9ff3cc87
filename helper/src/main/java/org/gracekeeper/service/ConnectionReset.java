// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.Tickle;

/**
 * Resets the connections clients had with the previous node: each gets an ACK it does not expect, answers it, and has that
 * answer reset. Without it a client notices at its next retransmission, seconds later. Thread-safe.
 */
final class ConnectionReset {
    private final Node node;
    private final PeerList peers;

    ConnectionReset(Node node, PeerList peers) {
        this.node = node;
        this.peers = peers;
    }

    /** To be called when the service's addresses are there. */
    void previous(Operation operation) throws IOException, InterruptedException {
        List<TcpPeer> before = peers.before(operation);
        if (before.isEmpty()) {
            return;
        }
        Tickle.Result result = node.in(operation.service().network(), () -> new Tickle(node.kernel()).send(before));
        operation.info("reset " + result.sent() + " connections of the previous node");
        // Only a matter of seconds: these clients find out by themselves.
        result.failures().forEach(e -> operation.warn("connection of the previous node not reset: " + e.getMessage()));
    }
}
