// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.service.daemons.DaemonUnits;
import org.gracekeeper.service.daemons.DaemonsLayer;
import org.gracekeeper.service.daemons.HealthProbe;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.standby.Standby;

/**
 * The service's rpcbind, without which nothing else can register, needs nothing of the storage: it becomes ready while the
 * layers above are built. {@link DaemonsLayer} waits for it, looks at it and takes it down, with the others.
 */
public final class RpcbindLayer implements UncheckedLayer {
    private final DaemonUnits units;
    private final HealthProbe probe;
    private final Standby standby;

    public RpcbindLayer(DaemonUnits units, HealthProbe probe, Standby standby) {
        this.units = units;
        this.probe = probe;
        this.standby = standby;
    }

    @Override
    public String name() {
        return "rpcbind";
    }

    @Override
    public void up(Operation operation) throws IOException, InterruptedException {
        if (!operation.service().config().hasNfsV3()) {
            return;
        }
        // One that was prepared a moment ago may still be starting, and one that hangs is nobody's to see before.
        Answer answer = wasPrepared(operation) ? ask(operation) : Answer.REFUSED;
        if (answer != Answer.YES) {
            standby.spend(operation.instance());
        }
        if (answer == Answer.REFUSED) {
            units.requestStart(operation, List.of("rpcbind"));
        } else if (answer == Answer.SILENCE) {
            units.requestRestart(operation.instance(), List.of("rpcbind"), operation.deadline());
        }
    }

    private Answer ask(Operation operation) throws InterruptedException {
        try {
            return probe.ask(operation.instance(), "rpcbind");
        } catch (IOException e) {
            return Answer.REFUSED;
        }
    }

    @Override
    public boolean wasPrepared(Operation operation) {
        return operation.service().config().hasNfsV3() && standby.isAdopted(operation.instance());
    }

    /** By now it has ended. Where only the layers from this on are built anew, it has to be started. */
    @Override
    public void down(Operation operation) throws IOException {
        standby.spend(operation.instance());
    }
}
