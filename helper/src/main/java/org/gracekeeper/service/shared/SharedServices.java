// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;

/** The services of the node's own nfsd that are on this node. Thread-safe. */
public final class SharedServices {
    private static final System.Logger LOG = System.getLogger(SharedServices.class.getName());

    private final Registry registry;

    public SharedServices(Registry registry) {
        this.registry = registry;
    }

    /** One whose record cannot be read is left out: no reason to keep the others from anything. */
    List<RunningService> all() throws IOException {
        List<RunningService> found = new ArrayList<>();
        for (ServiceName name : registry.names()) {
            try {
                registry.load(name).filter(service -> service.config().isShared()).ifPresent(found::add);
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "service " + name + ": " + e.getMessage());
            }
        }
        return found;
    }

    /** Those that clients have come to, also while they stop. */
    List<RunningService> open() throws IOException {
        return all().stream().filter(RunningService::opened).toList();
    }

    /**
     * Has them known as services whose clients have to reclaim.
     *
     * @param at since when, in seconds since the node's boot
     */
    void recover(List<RunningService> services, double at) {
        for (RunningService service : services) {
            try {
                registry.update(service.config().name(), s -> s.withRecovering(at));
            } catch (IOException e) {
                LOG.log(System.Logger.Level.INFO, "restart of nfsd: " + e.getMessage()); // it has just stopped
            }
        }
    }
}
