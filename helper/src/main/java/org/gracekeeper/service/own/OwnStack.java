// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecoveryWatch;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.LayerStack;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;

/** A service with an nfsd instance of its own. Thread-safe. */
public final class OwnStack extends LayerStack {
    private final Registry registry;
    private final RpcbindLayer rpcbind;
    private final Holdings holdings;
    private final ServerLayer server;
    private final ServerPing ping;
    private final ExportsLayer exports;
    private final Firewall firewall;
    private final RecoveryWatch watch;
    private final TimelineLog timeline;

    public OwnStack(Registry registry, Node node, List<Layer> layers, RpcbindLayer rpcbind, Holdings holdings, ServerLayer server,
            ServerPing ping, OpenLayer open, ExportsLayer exports, Firewall firewall, RecoveryWatch watch, ClusterAttribute attribute,
            TimelineLog timeline) {
        super(registry, node, layers, server, open, attribute, timeline);
        this.registry = registry;
        this.rpcbind = rpcbind;
        this.holdings = holdings;
        this.server = server;
        this.ping = ping;
        this.exports = exports;
        this.firewall = firewall;
        this.watch = watch;
        this.timeline = timeline;
    }

    /**
     * Makes a running service recover anew: its server is stopped and started again, behind closed doors, as in a move
     * to the node where it is.
     */
    public void recoverAnew(Operation operation) throws IOException, OcfException, InterruptedException {
        List<Layer> upper = from(rpcbind);
        List<String> errors = new ArrayList<>();
        timeline.stopBegins(operation, "for a new grace period");
        down(operation, upper, errors);
        Operation start = operation.with(operation.service().notStarted()).askedFor(timeline.done(operation, ""));
        errors.forEach(operation::warn);
        // What is left would be taken for locks that have been reclaimed.
        holdings.requireNone(operation.service());
        timeline.startBegins(start, true);
        registry.beginAnew(start.instance().name());
        // A start of its own in the state directory's count, or the ledger just written would not be good for it.
        List<Layer> missing = new ArrayList<>(List.of(layers().get(0)));
        missing.addAll(upper);
        up(start, missing);
    }

    /** Waits until the recovery of a service that has just started is over, or the deadline passes. */
    public void awaitRecovery(ServiceName name, Deadline deadline) throws InterruptedException {
        watch.await(name, deadline.remaining());
    }

    @Override
    public Optional<String> deepProblem(Operation operation) throws IOException, InterruptedException {
        return ping.problem(operation);
    }

    @Override
    public void reload(Operation operation, List<PlannedExport> before) throws IOException, InterruptedException {
        exports.up(operation);
        firewall.reload(operation);
        server.setThreads(operation);
    }

    @Override
    public void resume(RunningService service) {
        // Where the start was cut short its hosts may not have been notified: a recovery that ends would have them forgotten.
        if (service.serving() && !service.recovered() && registry.isComplete(service.config().name())) {
            watch.begin(service.config().name());
        }
    }
}
