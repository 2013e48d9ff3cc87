// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

/**
 * NFSv4 clients that use a service's file systems through another address of the node: they lose what they have with the
 * service's next move. The kernel does not tell a client's server address; its connections do. An NFSv3 host's locks cannot be
 * told from others'. Stateless, thread-safe.
 */
final class ForeignUse {
    private final Node node;
    private final Holdings holdings;

    ForeignUse(Node node, Holdings holdings) {
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
        Map<InetAddress, Set<InetAddress>> servers = all.stream().filter(peer -> peer.localPort() == RpcClient.NFS_PORT)
                .collect(Collectors.groupingBy(TcpPeer::remote, Collectors.mapping(TcpPeer::local, Collectors.toSet())));
        return foreign(held, servers, service.config().addresses().stream().map(InetPrefix::address)
                .collect(Collectors.toSet()));
    }

    /**
     * @param servers for each client the addresses of this node that it has connections with
     * @param own the service's addresses
     */
    static List<Found> foreign(Release held, Map<InetAddress, Set<InetAddress>> servers, Set<InetAddress> own) {
        List<Found> found = new ArrayList<>();
        for (boolean elsewhere : List.of(false, true)) {
            for (Nfs4Client client : elsewhere ? held.elsewhere() : held.whole()) {
                Set<InetAddress> through = address(client).map(servers::get).orElse(Set.of());
                // Without any connection it may be about to come back through the right one.
                if (through != null && !through.isEmpty() && through.stream().noneMatch(own::contains)) {
                    found.add(new Found(client, elsewhere, through));
                }
            }
        }
        return found;
    }

    /** Without its port. */
    private static Optional<InetAddress> address(Nfs4Client client) {
        String text = client.address().replaceFirst(":[0-9]+$", "").replaceAll("[\\[\\]]", "");
        try {
            return Optional.of(InetPrefix.parseLiteral(text));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
