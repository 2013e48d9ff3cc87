// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterResources;
import org.gracekeeper.service.stack.Idle;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Looks;

/**
 * Sees to it that each service which this node has started or probed, and does not run now, is prepared here as long as the cluster
 * has such a resource: after its stop or probe, and after the helper's own start. What is there and should not be, or is of no use any
 * more, goes. It reads what there is each time, so what an earlier helper left is found. Nothing here is ever an action's failure.
 */
public final class StandbyKeeper {
    private static final System.Logger LOG = System.getLogger(StandbyKeeper.class.getName());
    private static final Duration PAUSE = Duration.ofSeconds(5);
    /**
     * Clients wait for what follows a stop: unmounting on this node, and a start on another, which may be a virtual machine on the
     * same host.
     */
    static final Duration AFTER_STOP = Duration.ofSeconds(30);
    /** Of the helper, and perhaps of the node. */
    static final Duration AFTER_START = Duration.ofSeconds(30);
    /** Between two looks at one service. */
    static final Duration LOOK = Duration.ofSeconds(60);
    /** Until what failed is tried again. */
    static final Duration RETRY = Duration.ofMinutes(5);
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private final Registry registry;
    private final Standbys standbys;
    private final Standby standby;
    private final StandbyCheck check;
    private final ClusterResources cluster;
    private final StandbyLearner learner;
    private final Idle idle;
    private final LongSupplier clock;
    private final long begun;
    /** When each is due, of those that have been seen to run or were looked at. */
    private final Map<ServiceName, Long> due = new HashMap<>();
    private final Map<ServiceName, String> complaints = new HashMap<>();
    /** What has been recorded of those that run: a plan is read only where that is another one now. */
    private final Map<ServiceName, Optional<StandbyPlan>> remembered = new HashMap<>();
    private Set<ServiceName> recorded = Set.of();

    /** @param clock as {@link System#nanoTime} */
    public StandbyKeeper(Registry registry, Standbys standbys, Standby standby, StandbyCheck check, ClusterResources cluster,
            StandbyLearner learner, Idle idle, LongSupplier clock) {
        this.registry = registry;
        this.standbys = standbys;
        this.standby = standby;
        this.check = check;
        this.cluster = cluster;
        this.learner = learner;
        this.idle = idle;
        this.clock = clock;
        this.begun = clock.getAsLong();
    }

    public void start(Kernel kernel) {
        Looks.start("standbys", PAUSE, () -> ordinaryPriority(kernel), this::look);
    }

    /** The helper's own is for what clients wait for. Not the last: a start waits for what is just being prepared for it. */
    private static void ordinaryPriority(Kernel kernel) {
        try {
            kernel.setThreadNice(0);
        } catch (KernelException e) {
            LOG.log(System.Logger.Level.DEBUG, "standbys: " + e.getMessage());
        }
    }

    /** One look at all. One standby is made in it at most: when a node takes over for another there may be many. */
    void look() {
        try {
            Set<ServiceName> now = new HashSet<>(registry.names());
            remembered.keySet().retainAll(now);
            for (ServiceName name : now) {
                attempt(name, () -> remember(name));
            }
            learn(now);
            Set<ServiceName> others = new TreeSet<>(Comparator.comparing(ServiceName::value));
            others.addAll(standbys.planned());
            others.addAll(standbys.standing());
            others.addAll(learner.waiting());
            others.removeAll(now);
            recorded.stream().filter(name -> !now.contains(name)).forEach(name -> later(name, AFTER_STOP));
            recorded = now;
            due.keySet().retainAll(others);
            for (ServiceName name : others) {
                if (isDue(name) && attempt(name, () -> tend(name))) {
                    return;
                }
            }
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "standbys: " + e);
        }
    }

    private void learn(Set<ServiceName> now) {
        try {
            for (ServiceName name : learner.arrivals()) {
                // What stands is in nobody's way.
                if (!standbys.stands(name)) {
                    later(name, StandbyLearner.AFTER_PROBE);
                }
            }
            learner.look(now);
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "standbys: probes: " + e);
        } catch (InterruptedException e) {
            // By a stop that came too late: what is left of the probes is for the next look.
            LOG.log(System.Logger.Level.DEBUG, "standbys: probes: interrupted");
        }
    }

    private boolean isDue(ServiceName name) {
        return clock.getAsLong() - due.getOrDefault(name, begun + AFTER_START.toNanos()) >= 0;
    }

    private void later(ServiceName name, Duration pause) {
        due.put(name, clock.getAsLong() + pause.toNanos());
    }

    /** Something about one service. */
    private interface Work {
        /** @return whether one was made */
        boolean run() throws IOException, InterruptedException;
    }

    private boolean attempt(ServiceName name, Work work) {
        try {
            boolean made = work.run();
            complaints.remove(name);
            return made;
        } catch (InterruptedException | InterruptedIOException e) {
            // By a stop of the service, which goes first; the interrupt has done its work.
            later(name, AFTER_STOP);
        } catch (IOException | RuntimeException e) {
            later(name, RETRY);
            String text = String.valueOf(e.getMessage());
            LOG.log(text.equals(complaints.put(name, text)) ? System.Logger.Level.DEBUG : System.Logger.Level.WARNING,
                    "service " + name + ": nothing is prepared for it here: " + text);
        }
        return false;
    }

    /** What its next start on this node will need, of a service that has started. */
    private boolean remember(ServiceName name) throws IOException, InterruptedException {
        Optional<RunningService> service = registry.isComplete(name) ? registry.load(name) : Optional.empty();
        if (service.isPresent() && service.get().serving()) {
            learner.forget(name);
            Optional<StandbyPlan> plan = StandbyPlan.of(service.get());
            if (!plan.equals(remembered.get(name))) {
                if (plan.isPresent()) {
                    standbys.plan(name, plan.get());
                } else {
                    standbys.forgetPlan(name);
                }
                remembered.put(name, plan);
            }
            if (service.get().config().isShared() && standbys.stands(name)) {
                // Of the time before it was one; no start of it takes it over, and no stop down.
                idle.run(name, () -> standby.drop(name, Deadline.after(LIMIT)));
            }
        }
        return false;
    }

    private boolean tend(ServiceName name) throws IOException, InterruptedException {
        later(name, LOOK);
        Optional<StandbyPlan> plan = standbys.plan(name);
        boolean stands = standbys.stands(name);
        Optional<String> problem = stands && plan.isPresent() ? problem(name, plan.get()) : Optional.empty();
        ClusterResources.Answer answer = plan.isEmpty() ? ClusterResources.Answer.UNKNOWN
                : cluster.ask(name, stands && problem.isEmpty() ? LOOK : Duration.ZERO);
        StandbyDecision decision = StandbyDecision.of(new StandbyDecision.Known(plan.isPresent(), stands, problem.isEmpty(),
                plan.isPresent() && isPossible(name, plan.get()), answer));
        if (decision == StandbyDecision.GIVE_UP) {
            LOG.log(System.Logger.Level.INFO, "service " + name + ": nothing is prepared for it here any more: "
                    + (answer == ClusterResources.Answer.GONE ? "the cluster has no such resource" : "warm_standby=no"));
            standbys.forgetPlan(name);
        } else if (decision != StandbyDecision.LEAVE) {
            problem.or(() -> reason(answer)).ifPresent(each -> LOG.log(System.Logger.Level.INFO,
                    "service " + name + ": what was prepared for it here goes: " + each));
        }
        return act(name, decision, plan);
    }

    private static Optional<String> reason(ClusterResources.Answer answer) {
        return answer == ClusterResources.Answer.FORBIDDEN
                ? Optional.of("a location constraint keeps the resource away from this node") : Optional.empty();
    }

    private boolean act(ServiceName name, StandbyDecision decision, Optional<StandbyPlan> plan)
            throws IOException, InterruptedException {
        boolean makes = decision == StandbyDecision.MAKE || decision == StandbyDecision.ANEW;
        return decision != StandbyDecision.LEAVE && idle.run(name, () -> {
            // Its start may have begun meanwhile.
            if (registry.exists(name)) {
                return;
            }
            if (standbys.stands(name) && decision != StandbyDecision.MAKE) {
                standby.drop(name, Deadline.after(LIMIT));
            }
            if (makes && !standbys.stands(name)) {
                standby.prepare(name, plan.orElseThrow(), Deadline.after(LIMIT));
                LOG.log(System.Logger.Level.INFO, "service " + name + ": prepared on " + plan.get().parent() + " for a start here");
            }
        }) && makes;
    }

    /** Empty as well where an action on the service is under way. */
    private Optional<String> problem(ServiceName name, StandbyPlan plan) throws IOException, InterruptedException {
        AtomicReference<String> problem = new AtomicReference<>();
        idle.run(name, () -> {
            try {
                problem.set(registry.exists(name) ? null : check.problemAtRest(name, plan).orElse(null));
            } catch (InterruptedIOException e) {
                throw e;
            } catch (IOException e) {
                problem.set(String.valueOf(e.getMessage()));
            }
        });
        return Optional.ofNullable(problem.get());
    }

    /** Of two services that exclude each other, and both do not run, the first one's standby stays. */
    private boolean isPossible(ServiceName name, StandbyPlan plan) throws IOException {
        Stream<StandbyPlan> running = registry.others(name).stream().filter(other -> !other.config().isShared())
                .map(StandbyPlan::needed);
        Stream<StandbyPlan> prepared = standbys.standing().stream().filter(other -> !other.equals(name))
                .flatMap(other -> standbys.record(other).stream()).map(record -> record.basis().plan());
        return Stream.concat(running, prepared).noneMatch(plan::excludes);
    }
}
