// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.Reply.Level;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Undisturbed;
import org.gracekeeper.timeline.Event;
import org.gracekeeper.timeline.Event.Kind;
import org.gracekeeper.timeline.Phase;

/**
 * Records what a stop and a start spend their time on, as it happens. Never fails: a service that cannot be recorded is
 * started and stopped all the same. Thread-safe.
 */
public final class TimelineLog {
    private static final System.Logger LOG = System.getLogger(TimelineLog.class.getName());
    /** A proven stop does not wait long for storage that hangs. */
    private static final Duration HAND_ON_LIMIT = Duration.ofSeconds(2);

    /** The wall clock has been set when it is so far from where it was expected. */
    private static final long SET_MILLIS = 5;

    private final TimelineStore store;
    private final Registry registry;
    private final Node node;
    private final Map<ServiceName, Anchor> anchors = new ConcurrentHashMap<>();

    public TimelineLog(TimelineStore store, Registry registry, Node node) {
        this.store = store;
        this.registry = registry;
        this.node = node;
    }

    /** Both clocks in one moment: the wall clock may be set in the middle of a stop. */
    private record Anchor(long millis, long nanos) {
        static Anchor now() {
            return new Anchor(System.currentTimeMillis(), System.nanoTime());
        }

        /** What is in one sequence has one anchor, or there would be gaps where is none. */
        static Anchor unlessSet(Anchor old, Anchor now) {
            return Math.abs(old.at(now.nanos) - now.millis) > SET_MILLIS ? now : old;
        }

        long at(long nanoTime) {
            return millis + Math.round((nanoTime - nanos) / 1e6);
        }
    }

    /** What is measured. */
    public interface Work<E extends Exception> {
        void run() throws IOException, InterruptedException, E;
    }

    /**
     * A start begins.
     *
     * @param continued whether it belongs to the stop before it, on this node, and both to one request
     */
    public void startBegins(Operation operation, boolean continued) {
        if (!continued) {
            attempt(operation.instance().name(), store::begin);
        }
        begins(Kind.START, operation, "");
    }

    /** @param why there is a stop, where it is none of Pacemaker's; else empty */
    public void stopBegins(Operation operation, String why) {
        begins(Kind.STOP, operation, why);
    }

    private void begins(Kind kind, Operation operation, String why) {
        ServiceName service = operation.instance().name();
        Anchor now = Anchor.now();
        Anchor anchor = anchors.merge(service, now, Anchor::unlessSet);
        attempt(service, s -> store.append(s, new Event(
                kind, node.hostname(), node.bootId(), anchor.at(operation.requested()), 0, why)));
        step(service, Kind.PREPARE, "", operation.requested(), now.nanos(), "");
    }

    /** Does a layer's work, and records how long it took and whether it failed. */
    public <E extends Exception> void timed(Operation operation, Kind kind, Layer layer, Work<E> work)
            throws IOException, InterruptedException, E {
        long begin = System.nanoTime();
        String failure = "";
        try {
            work.run();
        } catch (Exception e) {
            failure = message(e);
            throw e;
        } finally {
            long end = System.nanoTime();
            boolean prepared = kind == Kind.UP && failure.isEmpty() && layer.wasPrepared(operation);
            step(operation.instance().name(), prepared ? Kind.UP_PREPARED : kind, layer.name(), begin, end, failure);
            operation.log().accept(Level.DEBUG, String.format("%s %s ms=%d",
                    kind == Kind.UP ? "up" : "down", layer.name(), (end - begin) / 1_000_000));
        }
    }

    /**
     * The start or stop has ended.
     *
     * @param failure empty when it came to its end
     * @return when, as {@link System#nanoTime}
     */
    public long done(Operation operation, String failure) {
        long now = System.nanoTime();
        step(operation.instance().name(), Kind.DONE, "", now, now, failure);
        return now;
    }

    /** What the start that is under way found of the one before. */
    void before(ServiceName service, String lastNode, boolean clean) {
        long now = System.nanoTime();
        step(service, clean ? Kind.AFTER_STOP : Kind.AFTER_CRASH, lastNode, now, now, "");
    }

    /**
     * A grace period has ended.
     *
     * @param seconds how long it lasted
     */
    public void graceEnded(ServiceName service, String protocol, double seconds, String reason) {
        long now = System.nanoTime();
        step(service, Kind.GRACE, protocol, now - (long) (seconds * 1e9), now, reason);
    }

    public void recovered(ServiceName service) {
        long now = System.nanoTime();
        step(service, Kind.RECOVERED, "", now, now, "");
    }

    /**
     * Leaves what is recorded since clients were shut out to the node that starts the service next; to be called while the
     * service's storage is still mounted, and its generation known.
     */
    void handOn(Operation operation) {
        try {
            Bounded.run("timeline of " + operation.instance().name(), HAND_ON_LIMIT, () -> handOn(operation.service()));
        } catch (IOException | RuntimeException e) {
            operation.warn("the next node's timeline will lack this stop: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void handOn(RunningService service) throws IOException {
        ServiceName name = service.config().name();
        OptionalLong generation = registry.generation(name);
        Claim claim = ClaimStore.read(service.state());
        // Else this node's start was refused, or never counted: what is there is another's.
        if (claim == null || generation.isEmpty() || !claim.service().equals(name.value())
                || claim.generation() != generation.getAsLong()) {
            return;
        }
        List<Phase> own = Phase.unfinished(Phase.of(store.own(name).events()));
        List<Phase> all = new ArrayList<>();
        if (!own.isEmpty() && own.get(0).starts()) {
            // No client got through here: the outage began on another node.
            all.addAll(Phase.unfinished(Phase.of(
                    store.handed(service.state(), name, generation.getAsLong() - 1).events())));
        }
        all.addAll(own);
        store.handOn(service.state(), name, generation.getAsLong(), Phase.events(Phase.bounded(all)));
    }

    private void step(ServiceName service, Kind kind, String name, long begin, long end, String detail) {
        Anchor anchor = anchors.computeIfAbsent(service, s -> Anchor.now());
        attempt(service, s -> store.append(
                s, new Event(kind, name, "", anchor.at(begin), (end - begin) / 1000, detail)));
    }

    private interface Writing {
        void of(ServiceName service) throws IOException;
    }

    private static void attempt(ServiceName service, Writing writing) {
        try {
            // A start that is interrupted for a stop is recorded too.
            Undisturbed.run(() -> writing.of(service));
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "service {0}: timeline: {1}", service, e);
        }
    }

    private static String message(Exception e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }
}
