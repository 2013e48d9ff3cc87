// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.node.OwnMounts;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.standby.Standby;

/**
 * The service's network device with its addresses, closed until {@link OpenLayer} opens it, whose check looks at it as a
 * whole.
 */
public final class LinkLayer implements UncheckedLayer {
    private static final System.Logger LOG = System.getLogger(LinkLayer.class.getName());

    private final ServiceLink link;
    private final AddressGuard guard;
    private final Firewall firewall;
    private final OwnMounts mounts;
    private final Standby standby;

    public LinkLayer(ServiceLink link, AddressGuard guard, Firewall firewall, OwnMounts mounts, Standby standby) {
        this.link = link;
        this.guard = guard;
        this.firewall = firewall;
        this.mounts = mounts;
        this.standby = standby;
    }

    @Override
    public String name() {
        return "link";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        guard.begin(operation);
        firewall.begin(operation, wasPrepared(operation));
        if (!wasPrepared(operation)) {
            standby.makeRoom(operation);
            link.create(operation);
        }
        link.address(operation);
    }

    @Override
    public boolean wasPrepared(Operation operation) {
        return standby.isAdopted(operation.instance());
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        guard.forget(operation);
        firewall.forget(operation);
        link.remove(operation.instance());
    }

    @Override
    public Optional<String> remark(Operation operation) {
        try {
            return mounts.remark(operation.service().config());
        } catch (IOException e) {
            // A service that is well must not fail because of what it does not need.
            LOG.log(System.Logger.Level.DEBUG, "service " + operation.instance().name() + ": own mounts: " + e.getMessage());
            return Optional.empty();
        }
    }
}
