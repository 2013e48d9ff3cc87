// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import java.io.IOException;
import java.net.InetAddress;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.Tickle;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.stack.Operation;

/**
 * Resets the connections clients had with the previous node: each gets an ACK it does not expect, answers it, and has that
 * answer reset. Without it a client notices at its next retransmission, seconds later. Thread-safe.
 */
public final class ConnectionReset {
    private final Node node;
    private final PeerList peers;

    public ConnectionReset(Node node, PeerList peers) {
        this.node = node;
        this.peers = peers;
    }

    /** To be called when the service's addresses are there. */
    public void previous(Operation operation) throws IOException, InterruptedException {
        Set<InetAddress> own = operation.service().config().addresses().stream().map(InetPrefix::address).collect(Collectors.toSet());
        // From an address that it does not have any more none can be reset, and no client finds it there.
        List<TcpPeer> before = peers.before(operation).stream().filter(peer -> own.contains(peer.local())).toList();
        if (before.isEmpty()) {
            return;
        }
        Tickle.Result result = node.in(operation.service().network(), () -> new Tickle(node.kernel()).send(before));
        operation.info("reset " + result.sent() + " connections of the previous node");
        if (!result.failures().isEmpty()) {
            // One line, however many: the agent starts a process for each.
            operation.warn(result.failures().size() + " connections of the previous node are not reset, their clients resume some"
                    + " seconds later; the first: " + result.failures().get(0).getMessage());
        }
    }
}
