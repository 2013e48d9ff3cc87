// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;

/**
 * Keeps the node's own NFS server until Pacemaker has stopped the services that need it, when the node is shut down: by a target
 * that systemd stops after the one and before the other. It is there with the first such service and goes with the last; a boot
 * leaves nothing of it. Never waits for systemd: on a node that is being shut down the target's stop waits for Pacemaker's, which
 * waits for the service's. Thread-safe.
 */
public final class ShutdownOrder {
    /** The emergency stop knows it, too. */
    static final String TARGET = "gracekeeper-node.target";
    private static final List<String> UNITS = List.of(TARGET);

    private final Systemd systemd;
    private final Registry registry;

    public ShutdownOrder(Systemd systemd, Registry registry) {
        this.systemd = systemd;
        this.registry = registry;
    }

    /** For a service that is recorded. Without it the service serves all the same. */
    synchronized void begin(Operation operation) {
        ask(operation, () -> systemd.start(UNITS, operation.deadline()));
    }

    /** For a service that is not recorded any more. */
    synchronized void end(Operation operation) {
        try {
            if (registry.others(null).stream().anyMatch(service -> service.config().isShared())) {
                return;
            }
        } catch (IOException e) {
            return; // one that cannot be read may need it
        }
        ask(operation, () -> systemd.stop(UNITS, operation.deadline()));
    }

    private static void ask(Operation operation, Request request) {
        try {
            request.make();
        } catch (IOException e) {
            operation.warn("the order in which systemd ends Pacemaker and the node's NFS server when the node is shut down: "
                    + e.getMessage());
        }
    }

    private interface Request {
        void make() throws IOException;
    }
}
