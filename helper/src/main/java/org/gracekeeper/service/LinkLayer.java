// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import org.gracekeeper.protocol.OcfException;

/**
 * The service's network device with its addresses, closed until {@link OpenLayer} opens it, whose check looks at it as a
 * whole.
 */
final class LinkLayer implements UncheckedLayer {
    private final ServiceLink link;
    private final AddressGuard guard;
    private final Firewall firewall;

    LinkLayer(ServiceLink link, AddressGuard guard, Firewall firewall) {
        this.link = link;
        this.guard = guard;
        this.firewall = firewall;
    }

    @Override
    public String name() {
        return "link";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        guard.begin(operation);
        firewall.begin(operation);
        link.create(operation);
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        guard.forget(operation);
        firewall.forget(operation);
        link.remove(operation);
    }
}
