// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.List;

/**
 * The service's rpcbind, without which nothing else can register, needs nothing of the storage: it becomes ready while the
 * layers above are built. {@link DaemonsLayer} waits for it, looks at it and takes it down, with the others.
 */
final class RpcbindLayer implements UncheckedLayer {
    private final DaemonUnits units;
    private final Standby standby;

    RpcbindLayer(DaemonUnits units, Standby standby) {
        this.units = units;
        this.standby = standby;
    }

    @Override
    public String name() {
        return "rpcbind";
    }

    @Override
    public void up(Operation operation) throws IOException {
        if (operation.service().config().hasNfsV3() && !wasPrepared(operation)) {
            units.requestStart(operation, List.of("rpcbind"));
        }
    }

    @Override
    public boolean wasPrepared(Operation operation) {
        return standby.isAdopted(operation.instance());
    }

    /** It has ended by now; where only these layers are built anew, it has to be started. */
    @Override
    public void down(Operation operation) throws IOException {
        standby.spend(operation.instance());
    }
}
