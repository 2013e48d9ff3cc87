// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.util.List;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.sys.NamespaceSet;
import org.gracekeeper.sys.Namespaces;

/**
 * A service as this node runs it: its configuration with everything that start found out about the host.
 *
 * @param parent the node's device below the service's
 * @param routes commands that make the service's, see {@code ServiceRoutes}
 * @param exports with host names resolved
 * @param devices the exported file systems; numbers are this node's, another node may have others
 * @param graceTime seconds; more than configured when the lease was longer before the move
 * @param startedAt when nfsd was started, in seconds since the node's boot; 0 before that
 * @param opened whether a client may have got through since; a server behind closed doors grants nothing
 * @param stopping whether its stop has begun: from then on an empty server proves nothing
 * @param recovered whether recovery has ended: nobody can reclaim a lock any more
 * @param refused why parameters that came later are not those it runs with; empty when none did
 */
public record RunningService(
        ServiceConfig config,
        String parent,
        List<String> routes,
        List<PlannedExport> exports,
        List<DeviceId> devices,
        int graceTime,
        double startedAt,
        boolean opened,
        boolean recovered,
        boolean stopping,
        String refused) {

    public RunningService {
        routes = List.copyOf(routes);
        exports = List.copyOf(exports);
        devices = List.copyOf(devices);
    }

    public Instance instance() {
        return new Instance(config.name());
    }

    /** Where its nfsd, with the files that belong to it, is. */
    public NamespaceSet inside() {
        return config.isShared() ? Namespaces.HOST : instance().inside();
    }

    /** The network that its addresses are in. */
    public NamespaceSet network() {
        return config.isShared() ? new NamespaceSet(Namespaces.HOST.net(), null) : instance().network();
    }

    /** The device that has its addresses. */
    public String device() {
        return config.isShared() ? parent : Instance.DEVICE;
    }

    public StateDirectory state() {
        return new StateDirectory(config.stateDir());
    }

    /**
     * The name by which sm-notify knows an address: it insists on one that can be looked up, and the private hosts
     * file has it.
     *
     * @param index of the address
     */
    public String monitorName(int index) {
        return config.name() + "-" + index;
    }

    /** Whether clients are served: they get through, and the end has not begun. */
    public boolean serving() {
        return opened && !stopping;
    }

    public RunningService notStarted() {
        return started(0);
    }

    public RunningService started(double at) {
        return with(at, false, false, false);
    }

    /** Its clients have to reclaim, without a stop of its own. */
    public RunningService withRecovering(double at) {
        return with(at, opened, false, stopping);
    }

    public RunningService withOpened() {
        return with(startedAt, true, recovered, stopping);
    }

    /** Nobody got through, after all. */
    public RunningService withClosed() {
        return with(startedAt, false, recovered, stopping);
    }

    public RunningService withRecovered() {
        return with(startedAt, opened, true, stopping);
    }

    public RunningService withStopping() {
        return with(startedAt, opened, recovered, true);
    }

    public RunningService withRoutes(List<String> newRoutes) {
        return new RunningService(config, parent, newRoutes, exports, devices, graceTime, startedAt, opened, recovered,
                stopping, refused);
    }

    /** @param seconds the longest that its grace may be */
    public RunningService withGraceTime(int seconds) {
        return new RunningService(config, parent, routes, exports, devices, seconds, startedAt, opened, recovered, stopping,
                refused);
    }

    public RunningService withRefused(String why) {
        return new RunningService(config, parent, routes, exports, devices, graceTime, startedAt, opened, recovered,
                stopping, why);
    }

    /** With other parameters, which it can run with. */
    public RunningService with(ServiceConfig newConfig, List<PlannedExport> newExports) {
        return new RunningService(newConfig, parent, routes, newExports, devices, graceTime, startedAt, opened,
                recovered, stopping, "");
    }

    private RunningService with(double at, boolean isOpened, boolean isRecovered, boolean isStopping) {
        return new RunningService(config, parent, routes, exports, devices, graceTime, at, isOpened, isRecovered,
                isStopping, refused);
    }
}
