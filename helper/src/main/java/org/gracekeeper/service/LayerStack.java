// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.protocol.Reply.Level;

/** Goes through a service's layers: up in order, down in reverse, past every error. Thread-safe. */
final class LayerStack {
    private static final System.Logger LOG = System.getLogger(LayerStack.class.getName());

    private final Registry registry;
    private final Node node;
    private final List<Layer> layers;
    private final RecordsLayer records;
    private final Holdings holdings;
    private final ServerLayer server;
    private final OpenLayer open;
    private final ExportsLayer exports;
    private final RecoveryWatch watch;
    private final NodeLockd nodeLockd;
    private final LeaseGuard leases;
    private final ClusterAttribute attribute;

    LayerStack(Registry registry, Node node, List<Layer> layers, RecordsLayer records, Holdings holdings,
            ServerLayer server, OpenLayer open, ExportsLayer exports, RecoveryWatch watch, NodeLockd nodeLockd, LeaseGuard leases,
            ClusterAttribute attribute) {
        this.registry = registry;
        this.node = node;
        this.layers = List.copyOf(layers);
        this.records = records;
        this.holdings = holdings;
        this.server = server;
        this.open = open;
        this.exports = exports;
        this.watch = watch;
        this.nodeLockd = nodeLockd;
        this.leases = leases;
        this.attribute = attribute;
    }

    void up(Operation operation) throws IOException, OcfException, InterruptedException {
        up(operation, 0);
    }

    private void up(Operation operation, int lowest) throws IOException, OcfException, InterruptedException {
        Operation current = operation;
        long begin = System.nanoTime();
        for (Layer layer : layers.subList(lowest, layers.size())) {
            long layerBegin = System.nanoTime();
            if (current.deadline().passed()) {
                throw new OcfException(OcfCode.GENERIC, "start of service " + current.instance().name()
                        + " ran out of time before its " + layer.name() + ": raise the start timeout");
            }
            layer.up(current);
            if (layer == server) {
                RunningService started = current.service().started(node.bootSeconds());
                registry.update(started);
                current = current.of(started);
            } else if (layer == open) {
                current = current.of(current.service().withOpened());
            }
            timed(current, "up", layer, layerBegin);
        }
        current.info(String.format("started in %.2f s", (System.nanoTime() - begin) / 1e9));
    }

    /**
     * @throws OcfException (GENERIC) only when the proof fails: a client could still reach the data, or the kernel
     *     still holds the file system
     */
    void down(Operation operation) throws OcfException, InterruptedException {
        long begin = System.nanoTime();
        List<String> errors = new ArrayList<>();
        String proof = down(operation, 0, errors);
        attribute.delete(operation.instance().name());
        if (proof != null) {
            throw new OcfException(OcfCode.GENERIC, "service " + operation.instance().name() + " is not stopped: "
                    + proof + (errors.size() > 1 ? " (before that: " + String.join("; ", errors) + ")" : ""));
        }
        errors.forEach(operation::warn);
        operation.info(String.format("stopped in %.2f s", (System.nanoTime() - begin) / 1e9));
    }

    /**
     * Makes a running service recover anew: its server is stopped and started again, behind closed doors, as in a move
     * to the node where it is.
     */
    void recoverAnew(Operation operation) throws IOException, OcfException, InterruptedException {
        int lowest = layers.indexOf(records);
        List<String> errors = new ArrayList<>();
        down(operation, lowest, errors);
        errors.forEach(operation::warn);
        // What is left would be taken for locks that have been reclaimed.
        holdings.requireNone(operation.service());
        RunningService anew = operation.service().notStarted();
        registry.update(anew);
        Operation start = operation.of(anew);
        // A start of its own in the state directory's count, or the ledger just written would not be good for it.
        layers.get(0).up(start);
        up(start, lowest);
    }

    /** @return why the lowest layer is not down, or null */
    private String down(Operation operation, int lowest, List<String> errors) throws InterruptedException {
        String proof = null;
        try {
            registry.update(operation.service().withStopping());
        } catch (IOException e) {
            errors.add("record: " + e.getMessage());
        }
        for (int i = layers.size() - 1; i >= lowest; i--) {
            Layer layer = layers.get(i);
            long layerBegin = System.nanoTime();
            try {
                Duration limit = operation.deadline().remaining().dividedBy(2);
                Bounded.run("stop of " + layer.name(), limit, () -> layer.down(operation));
            } catch (IOException | RuntimeException e) {
                String text = layer.name() + ": " + e.getMessage();
                LOG.log(System.Logger.Level.WARNING, "service " + operation.instance().name() + ": stop: " + text, e);
                errors.add(text);
                proof = i == lowest ? e.getMessage() : proof;
            }
            timed(operation, "down", layer, layerBegin);
        }
        return proof;
    }

    /** The first layer that is not as it should be. */
    Optional<String> problem(Operation operation) throws IOException, InterruptedException {
        for (Layer layer : layers) {
            Optional<String> problem = layer.check(operation);
            if (problem.isPresent()) {
                return problem;
            }
        }
        return Optional.empty();
    }

    /** Every layer with what is wrong with it, for the command line. */
    List<LayerState> states(Operation operation) throws InterruptedException {
        List<LayerState> states = new ArrayList<>();
        for (Layer layer : layers) {
            try {
                states.add(new LayerState(layer.name(), layer.check(operation).orElse("ok")));
            } catch (IOException e) {
                states.add(new LayerState(layer.name(), String.valueOf(e.getMessage())));
            }
        }
        return states;
    }

    record LayerState(String layer, String state) {}

    /** Waits until the recovery of a service that has just started is over, or the deadline passes. */
    void awaitRecovery(ServiceName name, Deadline deadline) throws InterruptedException {
        watch.await(name, deadline.remaining());
    }

    /** What costs more to find out: whether the servers answer. */
    Optional<String> deepProblem(Operation operation) throws IOException, InterruptedException {
        return server.ping(operation);
    }

    void reload(Operation operation) throws IOException, InterruptedException {
        exports.up(operation);
        server.setThreads(operation);
    }

    /** Picks up what a helper that was killed left: lockd's settings, and recoveries to be watched. */
    void resume(Registry known) throws IOException {
        nodeLockd.restore();
        leases.update();
        for (ServiceName name : known.names()) {
            try {
                if (known.load(name).filter(s -> s.serving() && !s.recovered()).isPresent()) {
                    watch.begin(name);
                }
            } catch (IOException e) {
                LOG.log(System.Logger.Level.WARNING, "service " + name + ": " + e.getMessage());
            }
        }
    }

    private static void timed(Operation operation, String direction, Layer layer, long begin) {
        operation.log().accept(Level.DEBUG, String.format(
                "%s %s ms=%d", direction, layer.name(), (System.nanoTime() - begin) / 1_000_000));
    }
}
