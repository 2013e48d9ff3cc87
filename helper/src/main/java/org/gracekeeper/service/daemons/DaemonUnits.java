// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.task.Deadline;

/** The systemd units of a service's daemons: started and stopped. Never waits for systemd's jobs. Thread-safe. */
public final class DaemonUnits {
    private final Systemd systemd;

    public DaemonUnits(Systemd systemd) {
        this.systemd = systemd;
    }

    /** What becomes of it shows when the daemon is waited for. */
    public void requestStart(Operation operation, List<String> daemons) throws IOException {
        requestStart(operation.instance(), daemons, operation.deadline());
    }

    public void requestStart(Instance instance, List<String> daemons, Deadline deadline) throws IOException {
        systemd.start(units(instance, daemons), deadline);
    }

    /** Restarts daemons of a service that runs. */
    public void requestRestart(Instance instance, List<String> daemons, Deadline deadline) throws IOException {
        systemd.restart(units(instance, daemons), deadline);
    }

    /**
     * While the node shuts down these units' stop jobs wait for Pacemaker's, which waits for the service's stop. The job's only
     * purpose is that systemd does not restart what is ended: it is enough that it is there (service_enter_dead in
     * src/core/service.c).
     */
    void requestStop(Instance instance, Deadline deadline) throws IOException {
        systemd.stop(instance.units(), deadline);
    }

    private static List<String> units(Instance instance, List<String> daemons) {
        return daemons.stream().map(instance::unit).toList();
    }
}
