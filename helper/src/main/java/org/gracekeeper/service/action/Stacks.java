// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.io.IOException;
import java.time.Duration;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.shared.ServerRestart;
import org.gracekeeper.service.shared.SharedExportsLayer;
import org.gracekeeper.service.shared.SharedStack;
import org.gracekeeper.service.stack.LayerStack;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Step;

/** The stacks of layers, by whose nfsd serves. Thread-safe. */
public final class Stacks {
    private static final System.Logger LOG = System.getLogger(Stacks.class.getName());
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final OwnStack own;
    private final SharedStack shared;
    private final NodeLockd nodeLockd;
    private final ServerRestart restart;
    private final LeaseGuard leases;
    private final SharedExportsLayer exports;

    public Stacks(OwnStack own, SharedStack shared, NodeLockd nodeLockd, ServerRestart restart, LeaseGuard leases,
            SharedExportsLayer exports) {
        this.own = own;
        this.shared = shared;
        this.nodeLockd = nodeLockd;
        this.restart = restart;
        this.leases = leases;
        this.exports = exports;
    }

    public LayerStack of(ServiceConfig config) {
        return config.isShared() ? shared : own;
    }

    OwnStack own() {
        return own;
    }

    /** Picks up what a helper that was killed left: the node's settings, its own nfsd, and recoveries to be watched. */
    void resume(Registry known) throws IOException, InterruptedException {
        nodeLockd.restore();
        leases.update();
        for (ServiceName name : known.names()) {
            try {
                known.load(name).ifPresent(service -> of(service.config()).resume(service));
            } catch (IOException e) {
                LOG.log(System.Logger.Level.WARNING, "service " + name + ": " + e.getMessage());
            }
        }
        // Their monitors will tell, and the next start tries again: no reason not to serve the others.
        attempt(() -> exports.tidy(known.names()));
        // It goes on by itself; whoever asks meanwhile hears that the helper is being started.
        attempt(() -> restart.finish(Deadline.after(PATIENCE)));
    }

    private static void attempt(Step step) throws InterruptedException {
        try {
            step.run();
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, String.valueOf(e.getMessage()));
        }
    }
}
