// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.protocol.OcfException;

/** A service that the node's own nfsd serves, beside others. Thread-safe. */
final class SharedStack extends LayerStack {
    private final SharedExportsLayer exports;
    private final SharedFirewallLayer firewall;
    private final ServerPing ping;
    private final RestartGate gate;
    private final ShutdownOrder order;

    SharedStack(Registry registry, Node node, List<Layer> layers, SharedServerLayer server, SharedAddressLayer address,
            SharedExportsLayer exports, SharedFirewallLayer firewall, ServerPing ping, RestartGate gate,
            ShutdownOrder order, ClusterAttribute attribute, TimelineLog timeline) {
        super(registry, node, layers, server, address, attribute, timeline);
        this.exports = exports;
        this.firewall = firewall;
        this.ping = ping;
        this.gate = gate;
        this.order = order;
    }

    @Override
    Optional<String> deepProblem(Operation operation) throws IOException, InterruptedException {
        long mark = gate.mark();
        Optional<String> problem = ping.problem(operation);
        return gate.disturbed(mark) ? Optional.empty() : problem;
    }

    @Override
    void reload(Operation operation, List<PlannedExport> before) throws IOException, InterruptedException {
        exports.up(operation);
        exports.withdraw(operation, before);
        try {
            firewall.up(operation);
        } catch (OcfException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    @Override
    void gone(Operation operation) {
        order.end(operation);
    }

    @Override
    void resume(RunningService service) {
        // Its monitor looks at the recovery.
    }
}
