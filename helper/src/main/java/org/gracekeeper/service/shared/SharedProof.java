// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.Proof;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;

/** Of a service of the node's own nfsd. What others have on its file systems is no matter of a start that came to nothing. */
public final class SharedProof implements Proof {
    private final Node node;
    private final Registry registry;
    private final SharedExportsLayer exports;
    private final Holdings holdings;
    private final LocalAddresses local;

    public SharedProof(Node node, Registry registry, SharedExportsLayer exports, Holdings holdings) {
        this.node = node;
        this.registry = registry;
        this.exports = exports;
        this.holdings = holdings;
        this.local = new LocalAddresses(node.kernel());
    }

    @Override
    public String require(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        if (!service.opened()) {
            return "no client has come";
        }
        Set<InetAddress> there = node.in(service.network(), local::read);
        Optional<InetPrefix> address =
                registry.ownAddresses(service).stream().filter(each -> there.contains(each.address())).findFirst();
        if (address.isPresent()) {
            throw new IOException("address " + address.get().host() + " is still an address of this node");
        }
        Optional<String> exported = exports.left(service);
        if (exported.isPresent()) {
            throw new IOException(exported.get() + " is still exported");
        }
        holdings.requireNone(service);
        holdings.requireNoState(service);
        return "no address, no export, no lock and no open of an NFS client left";
    }
}
