// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.util.List;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceConfig;

/**
 * A service as this node runs it: its configuration with everything that start found out about the host.
 *
 * @param parent the node's device below the service's
 * @param exports with host names resolved
 * @param devices the exported file systems; numbers are this node's, another node may have others
 * @param graceTime seconds; more than configured when the lease was longer before the move
 * @param startedAt when nfsd was started, in seconds since the node's boot; 0 before that
 * @param opened whether a client may have got through since; a server behind closed doors grants nothing
 * @param stopping whether its stop has begun: from then on an empty server proves nothing
 * @param recovered whether recovery has ended: nobody can reclaim a lock any more
 */
public record RunningService(
        ServiceConfig config,
        String parent,
        List<PlannedExport> exports,
        List<DeviceId> devices,
        int graceTime,
        double startedAt,
        boolean opened,
        boolean recovered,
        boolean stopping) {

    public RunningService {
        exports = List.copyOf(exports);
        devices = List.copyOf(devices);
    }

    public Instance instance() {
        return new Instance(config.name());
    }

    public StateDirectory state() {
        return new StateDirectory(config.stateDir());
    }

    /** Whether clients are served: they get through, and the end has not begun. */
    boolean serving() {
        return opened && !stopping;
    }

    RunningService notStarted() {
        return started(0);
    }

    RunningService started(double at) {
        return new RunningService(config, parent, exports, devices, graceTime, at, false, false, false);
    }

    RunningService withOpened() {
        return new RunningService(config, parent, exports, devices, graceTime, startedAt, true, recovered, stopping);
    }

    RunningService withRecovered() {
        return new RunningService(config, parent, exports, devices, graceTime, startedAt, opened, true, stopping);
    }

    RunningService withStopping() {
        return new RunningService(config, parent, exports, devices, graceTime, startedAt, opened, recovered, true);
    }

    RunningService with(ServiceConfig newConfig, List<PlannedExport> newExports) {
        return new RunningService(newConfig, parent, newExports, devices, graceTime, startedAt, opened, recovered,
                stopping);
    }
}
