// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.task.Step;

/** The slot of each service. Thread-safe. */
public final class ServiceSlots {
    private final Map<ServiceName, ServiceSlot> slots = new ConcurrentHashMap<>();

    public ServiceSlot of(ServiceName name) {
        return slots.computeIfAbsent(name, ServiceSlot::new);
    }

    /** Runs something beside no action, see {@link Idle}. */
    public boolean whileIdle(ServiceName name, Step step) throws IOException, InterruptedException {
        ServiceSlot slot = of(name);
        if (!slot.tryAcquire()) {
            return false;
        }
        try {
            step.run();
            return true;
        } finally {
            slot.release();
        }
    }
}
