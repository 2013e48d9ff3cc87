// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.protocol.OcfException;

/** The service's network device with its addresses, closed until {@link OpenLayer} opens it. */
final class LinkLayer implements Layer {
    private final ServiceLink link;
    private final AddressGuard guard;

    LinkLayer(ServiceLink link, AddressGuard guard) {
        this.link = link;
        this.guard = guard;
    }

    @Override
    public String name() {
        return "link";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        guard.begin(operation);
        link.create(operation);
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        guard.forget(operation);
        link.remove(operation);
    }

    @Override
    public Optional<String> check(Operation operation) {
        // OpenLayer looks at the device as a whole.
        return Optional.empty();
    }

    @Override
    public boolean looks() {
        return false;
    }
}
