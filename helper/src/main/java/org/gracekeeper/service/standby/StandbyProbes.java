// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.ServiceName;

/**
 * Where a probe leaves the parameters of a service that is not here. Pacemaker probes on every node, when a resource is configured and
 * when a node joins, and the start waits for all of these probes: so nothing is read, written or checked meanwhile. {@link
 * StandbyLearner} does that later. Thread-safe.
 */
public final class StandbyProbes {
    private static final String INTERVAL = "OCF_RESKEY_CRM_meta_interval";

    /** The agent's environment, of the last probe of each. */
    private final Map<ServiceName, Map<String, String>> arrived = new ConcurrentHashMap<>();

    /**
     * From a monitor that has found nothing of the service. Of one that comes again and again nothing is kept. A probe has interval 0, or
     * none: Pacemaker 2.1.5 names none.
     */
    public void notRunning(ServiceName name, Map<String, String> environment) {
        if (environment.getOrDefault(INTERVAL, "0").equals("0")) {
            arrived.put(name, environment);
        }
    }

    /** All since the last call. */
    public Map<ServiceName, Map<String, String>> take() {
        Map<ServiceName, Map<String, String>> taken = new HashMap<>();
        for (ServiceName name : arrived.keySet()) {
            taken.put(name, arrived.remove(name));
        }
        return taken;
    }

    void forget(ServiceName name) {
        arrived.remove(name);
    }
}
