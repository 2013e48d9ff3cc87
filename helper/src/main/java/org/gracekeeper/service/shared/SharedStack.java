// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.LayerStack;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;

/** A service that the node's own nfsd serves, beside others. Thread-safe. */
public final class SharedStack extends LayerStack {
    private final SharedExportsLayer exports;
    private final SharedFirewallLayer firewall;
    private final ServerPing ping;
    private final RestartGate gate;
    private final ShutdownOrder order;

    public SharedStack(Registry registry, Node node, List<Layer> layers, SharedServerLayer server, SharedAddressLayer address,
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
    public Optional<String> deepProblem(Operation operation) throws IOException, InterruptedException {
        long mark = gate.mark();
        Optional<String> problem = ping.problem(operation);
        return gate.disturbed(mark) ? Optional.empty() : problem;
    }

    @Override
    public void reload(Operation operation, List<PlannedExport> before) throws IOException, InterruptedException {
        exports.up(operation);
        exports.withdraw(operation, before);
        try {
            firewall.up(operation);
        } catch (OcfException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    @Override
    public void gone(Operation operation) {
        order.end(operation);
    }

    @Override
    public void resume(RunningService service) {
        // Its monitor looks at the recovery.
    }
}
