// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;

/** Whether anybody else has the addresses is asked while the other layers are built. */
public final class SharedProbeLayer implements UncheckedLayer {
    private final AddressGuard guard;

    public SharedProbeLayer(AddressGuard guard) {
        this.guard = guard;
    }

    @Override
    public String name() {
        return "probe";
    }

    @Override
    public void up(Operation operation) {
        guard.begin(operation);
    }

    @Override
    public void down(Operation operation) {
        guard.forget(operation);
    }
}
