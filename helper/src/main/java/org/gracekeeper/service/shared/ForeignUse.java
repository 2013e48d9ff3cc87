// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.Release;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.TcpPeers;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.state.RunningService;

/**
 * NFSv4 clients that use a service's file systems through another address of the node: they lose what they have with the
 * service's next move. The kernel does not tell a client's server address; its connection does. An NFSv3 host's locks cannot be
 * told from others'. Stateless, thread-safe.
 */
public final class ForeignUse {
    private final Node node;
    private final Holdings holdings;

    public ForeignUse(Node node, Holdings holdings) {
        this.node = node;
        this.holdings = holdings;
    }

    /**
     * One of them.
     *
     * @param elsewhere whether it has state of others, too
     * @param through the addresses that it has connections with
     */
    record Found(Nfs4Client client, boolean elsewhere, Set<InetAddress> through) {
        @Override
        public String toString() {
            return client.protocol() + " " + client.address() + " (through "
                    + through.stream().map(AddressText::of).sorted().collect(Collectors.joining(" ")) + ")";
        }
    }

    List<Found> find(RunningService service) throws IOException, InterruptedException {
        Release held = Release.of(Set.<DeviceId>copyOf(service.devices()), List.of(), List.of(), holdings.clients(service));
        if (held.isEmpty()) {
            return List.of();
        }
        List<TcpPeer> all = node.in(service.network(), () -> new TcpPeers(node.kernel(), TcpPeers.PROC_NET).established());
        return foreign(held, all, service.config().addresses().stream().map(InetPrefix::address).collect(Collectors.toSet()));
    }

    /**
     * @param connections of this node
     * @param own the service's addresses
     */
    static List<Found> foreign(Release held, List<TcpPeer> connections, Set<InetAddress> own) {
        List<Found> found = new ArrayList<>();
        for (boolean elsewhere : List.of(false, true)) {
            for (Nfs4Client client : elsewhere ? held.elsewhere() : held.whole()) {
                Set<InetAddress> through = through(client, connections);
                // Without any connection it may be about to come back through the right one.
                if (!through.isEmpty() && through.stream().noneMatch(own::contains)) {
                    found.add(new Found(client, elsewhere, through));
                }
            }
        }
        return found;
    }

    /**
     * By the connection that it came with, which it makes anew from the same port (net/sunrpc/xprtsock.c, xs_set_srcport); where
     * that is not there, by all of its host, NFSv3's included.
     */
    private static Set<InetAddress> through(Nfs4Client client, List<TcpPeer> connections) {
        int colon = client.address().lastIndexOf(':');
        String port = client.address().substring(colon + 1);
        InetAddress address;
        try {
            address = InetPrefix.parseLiteral(client.address().substring(0, Math.max(colon, 0)).replaceAll("[\\[\\]]", ""));
        } catch (IllegalArgumentException e) {
            return Set.of();
        }
        List<TcpPeer> host = connections.stream().filter(peer -> peer.localPort() == RpcClient.NFS_PORT
                && peer.remote().equals(address)).toList();
        List<TcpPeer> same = host.stream().filter(peer -> Integer.toString(peer.remotePort()).equals(port)).toList();
        return (same.isEmpty() ? host : same).stream().map(TcpPeer::local).collect(Collectors.toSet());
    }
}
