// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.timeline.Event.Kind;

/**
 * Goes through a service's layers: up in order, down in reverse, past every error. What else can be asked of a running service
 * differs with whose nfsd serves it. Thread-safe.
 */
public abstract class LayerStack {
    private static final System.Logger LOG = System.getLogger(LayerStack.class.getName());

    private final Registry registry;
    private final Node node;
    private final List<Layer> layers;
    private final Layer server;
    private final Layer open;
    private final ClusterAttribute attribute;
    private final TimelineLog timeline;

    /**
     * @param server the layer with which nfsd's grace, if there is one, has begun
     * @param open the layer with which clients can come
     */
    public LayerStack(Registry registry, Node node, List<Layer> layers, Layer server, Layer open, ClusterAttribute attribute,
            TimelineLog timeline) {
        this.registry = registry;
        this.node = node;
        this.layers = List.copyOf(layers);
        this.server = server;
        this.open = open;
        this.attribute = attribute;
        this.timeline = timeline;
    }

    /** What costs more to find out than {@link #monitor} may: whether the servers answer. */
    public abstract Optional<String> deepProblem(Operation operation) throws IOException, InterruptedException;

    /**
     * Takes over the parameters that can change while the service runs.
     *
     * @param before what it has exported so far
     */
    public abstract void reload(Operation operation, List<PlannedExport> before) throws IOException, InterruptedException;

    /** Picks up what a helper that was killed left of this service. */
    public abstract void resume(RunningService service);

    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        timeline.startBegins(operation, false);
        up(operation, layers);
    }

    public void up(Operation operation, List<Layer> missing) throws IOException, OcfException, InterruptedException {
        try {
            build(operation, missing);
            timeline.done(operation, "");
        } catch (OcfException | IOException | InterruptedException | RuntimeException e) {
            timeline.done(operation, String.valueOf(e.getMessage()));
            throw e;
        }
        warn(operation);
    }

    /** Whoever starts it hears at once what the monitor will say. */
    private void warn(Operation operation) throws InterruptedException {
        try {
            remarks(operation).forEach(operation::warn);
        } catch (IOException e) {
            operation.warn(e.getMessage());
        }
    }

    private void build(Operation operation, List<Layer> missing) throws IOException, OcfException, InterruptedException {
        Operation current = operation;
        long begin = System.nanoTime();
        for (Layer layer : missing) {
            if (current.deadline().passed()) {
                throw new OcfException(OcfCode.GENERIC, "start of service " + current.instance().name()
                        + " ran out of time before its " + layer.name() + ": raise the start timeout");
            }
            Operation known = current;
            timeline.timed(known, Kind.UP, layer, () -> layer.up(known));
            if (layer == server) {
                double now = node.bootSeconds();
                current = current.with(registry.update(current.instance().name(), s -> s.started(now)));
            } else if (layer == open) {
                current = current.with(current.service().withOpened());
            }
        }
        registry.complete(current.instance().name());
        current.info(String.format("started in %.2f s", (System.nanoTime() - begin) / 1e9));
    }

    /**
     * Takes down what its start has come to.
     *
     * @throws OcfException (GENERIC) only when the proof fails: a client could still reach the data, or the kernel
     *     still holds the file system
     */
    public void down(Operation operation) throws OcfException, InterruptedException {
        long begin = System.nanoTime();
        List<String> errors = new ArrayList<>();
        timeline.stopBegins(operation, "");
        // Without its claim nothing above was built, and what the layers would take down is another's.
        String proof = down(operation, registry.isClaimed(operation.instance().name()) ? layers : layers.subList(0, 1), errors);
        attribute.delete(operation.instance().name());
        timeline.done(operation, proof == null ? "" : proof);
        timeline.handOn(operation);
        if (proof != null) {
            throw new OcfException(OcfCode.GENERIC, "service " + operation.instance().name() + " is not stopped: "
                    + proof + (errors.size() > 1 ? " (before that: " + String.join("; ", errors) + ")" : ""));
        }
        errors.forEach(operation::warn);
        operation.info(String.format("stopped in %.2f s", (System.nanoTime() - begin) / 1e9));
    }

    /** After a stop, when the service is not recorded any more. */
    public void gone(Operation operation) {}

    /** The layer with all above it; for what takes only these down. */
    protected List<Layer> from(Layer layer) {
        return layers.subList(layers.indexOf(layer), layers.size());
    }

    protected List<Layer> layers() {
        return layers;
    }

    /**
     * @param standing neighbouring layers, the lowest first
     * @return why the lowest of them is not down, or null
     */
    public String down(Operation operation, List<Layer> standing, List<String> errors) throws InterruptedException {
        String proof = null;
        try {
            registry.update(operation.instance().name(), RunningService::withStopping);
        } catch (IOException e) {
            errors.add("record: " + e.getMessage());
        }
        for (int i = standing.size() - 1; i >= 0; i--) {
            Layer layer = standing.get(i);
            try {
                Duration limit = operation.deadline().remaining().dividedBy(2);
                timeline.timed(operation, Kind.DOWN, layer,
                        () -> Bounded.run("stop of " + layer.name(), limit, () -> layer.down(operation)));
            } catch (IOException | RuntimeException e) {
                String text = layer.name() + ": " + e.getMessage();
                LOG.log(System.Logger.Level.WARNING, "service " + operation.instance().name() + ": stop: " + text, e);
                errors.add(text);
                proof = i == 0 ? e.getMessage() : proof;
            }
        }
        return proof;
    }

    /** For who has the service's slot: the first layer that is not as it should be; where all are, they are tended. */
    public Optional<String> monitor(Operation operation) throws IOException, InterruptedException {
        Optional<String> problem = problem(operation);
        if (problem.isEmpty() && operation.service().serving()) {
            for (Layer layer : layers) {
                layer.tend(operation);
            }
        }
        return problem;
    }

    /** All that is not as it should be, and would not be better after a start anew; mostly nothing. */
    public List<String> remarks(Operation operation) throws IOException, InterruptedException {
        List<String> remarks = new ArrayList<>();
        for (Layer layer : layers) {
            layer.remark(operation).ifPresent(remarks::add);
        }
        return remarks;
    }

    private Optional<String> problem(Operation operation) throws IOException, InterruptedException {
        for (Layer layer : layers) {
            Optional<String> problem = layer.check(operation);
            if (problem.isPresent()) {
                return problem;
            }
        }
        return Optional.empty();
    }

    /** The layers, each with what is wrong with it, for the command line. */
    public List<LayerState> states(Operation operation) throws InterruptedException {
        List<LayerState> states = new ArrayList<>();
        for (Layer layer : layers.stream().filter(each -> !(each instanceof UncheckedLayer)).toList()) {
            try {
                states.add(new LayerState(layer.name(), layer.check(operation).orElse("ok")));
            } catch (IOException e) {
                states.add(new LayerState(layer.name(), String.valueOf(e.getMessage())));
            }
        }
        return states;
    }

    public record LayerState(String layer, String state) {}
}
