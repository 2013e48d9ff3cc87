// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.gracekeeper.protocol.OcfException;

/** A service that the node's own nfsd serves, beside others. Thread-safe. */
final class SharedStack extends LayerStack {
    private final SharedExportsLayer exports;
    private final SharedFirewallLayer firewall;
    private final ServerPing ping;
    private final ForeignUse foreign;
    private final RestartGate gate;

    SharedStack(Registry registry, Node node, List<Layer> layers, SharedServerLayer server, SharedAddressLayer address,
            SharedExportsLayer exports, SharedFirewallLayer firewall, ServerPing ping, ForeignUse foreign,
            RestartGate gate, ClusterAttribute attribute, TimelineLog timeline) {
        super(registry, node, layers, server, address, attribute, timeline);
        this.exports = exports;
        this.firewall = firewall;
        this.ping = ping;
        this.foreign = foreign;
        this.gate = gate;
    }

    @Override
    Optional<String> deepProblem(Operation operation) throws IOException, InterruptedException {
        long mark = gate.mark();
        Optional<String> problem = ping.problem(operation);
        return gate.disturbed(mark) ? Optional.empty() : problem;
    }

    @Override
    Optional<String> remark(Operation operation) throws InterruptedException {
        List<ForeignUse.Found> found;
        try {
            found = foreign.find(operation.service());
        } catch (IOException e) {
            operation.warn("whether clients come through other addresses cannot be told: " + e.getMessage());
            return Optional.empty();
        }
        return found.isEmpty() ? Optional.empty() : Optional.of("clients use its file systems through other addresses, and lose"
                + " what they have there when it moves: " + found.stream().map(ForeignUse.Found::toString)
                        .collect(Collectors.joining(", ")) + "; mount from the service's own, or see parameter enforce");
    }

    @Override
    void reload(Operation operation) throws IOException, InterruptedException {
        exports.up(operation);
        try {
            firewall.up(operation);
        } catch (OcfException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    @Override
    void resume(RunningService service) {
        // Its monitor looks at the recovery.
    }
}
