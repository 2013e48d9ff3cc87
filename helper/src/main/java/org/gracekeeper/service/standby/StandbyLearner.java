// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.LongSupplier;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.node.ClusterResources;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.ParentDevice;
import org.gracekeeper.service.state.StandbyPlan;

/**
 * Makes plans of what probes have told ({@link StandbyProbes}): what has to be prepared here for a service that this node may never
 * have started. What is not a plan yet goes with the helper, until the next probe or start. For one thread.
 */
public final class StandbyLearner {
    private static final System.Logger LOG = System.getLogger(StandbyLearner.class.getName());
    /** A start here may follow its probe at once, and those of other services do: when a node joins, when the cluster starts. */
    static final Duration AFTER_PROBE = Duration.ofSeconds(30);
    /** Until a cluster is asked again that does not answer, or does not know the resource yet. */
    static final Duration AGAIN = Duration.ofSeconds(60);
    /** Until a device is looked for again. */
    static final Duration RETRY = Duration.ofMinutes(5);

    private final StandbyProbes probes;
    private final Map<String, String> defaults;
    private final Standbys standbys;
    private final ClusterResources cluster;
    private final ParentDevice parents;
    private final LongSupplier clock;
    private final Map<ServiceName, Probe> waiting = new TreeMap<>(Comparator.comparing(ServiceName::value));
    private final Map<ServiceName, String> complaints = new HashMap<>();

    /**
     * @param defaults of all parameters
     * @param clock as {@link System#nanoTime}
     */
    public StandbyLearner(StandbyProbes probes, Map<String, String> defaults, Standbys standbys, ClusterResources cluster,
            ParentDevice parents, LongSupplier clock) {
        this.probes = probes;
        this.defaults = defaults;
        this.standbys = standbys;
        this.cluster = cluster;
        this.parents = parents;
        this.clock = clock;
    }

    /** The last one of a service that can be prepared, since when it is known, and when it is due. */
    private record Probe(ServiceConfig config, long since, long due) {
        Probe due(long when) {
            return new Probe(config, since, when);
        }
    }

    /** All of which something is still to be found out. */
    Set<ServiceName> waiting() {
        return Set.copyOf(waiting.keySet());
    }

    /** Of a service that runs here: what it was started with is newer than any probe, since none is kept of one that is recorded. */
    void forget(ServiceName name) {
        probes.forget(name);
        drop(name);
    }

    private void drop(ServiceName name) {
        waiting.remove(name);
        complaints.remove(name);
    }

    /**
     * Takes what has arrived.
     *
     * @return whose preparation should keep out of the way for {@link #AFTER_PROBE}: a probe has come, and nothing was waiting
     */
    Set<ServiceName> arrivals() throws IOException {
        Set<ServiceName> first = new TreeSet<>(Comparator.comparing(ServiceName::value));
        for (Map.Entry<ServiceName, Map<String, String>> each : probes.take().entrySet()) {
            ServiceName name = each.getKey();
            Optional<ServiceConfig> config = config(name, each.getValue());
            if (config.isEmpty()) {
                continue;
            }
            if (!StandbyPlan.isWanted(config.get())) {
                drop(name);
                standbys.forgetPlan(name);
            } else if (expect(name, config.get())) {
                first.add(name);
            }
        }
        return first;
    }

    /** Probes that come again and again put nothing off. */
    private boolean expect(ServiceName name, ServiceConfig config) {
        long now = clock.getAsLong();
        long due = now + AFTER_PROBE.toNanos();
        Probe before = waiting.get(name);
        waiting.put(name, new Probe(config, now, before != null && before.due() - due < 0 ? before.due() : due));
        return before == null;
    }

    /** Empty where a start would refuse them, and say why. */
    private Optional<ServiceConfig> config(ServiceName name, Map<String, String> environment) {
        try {
            return Optional.of(ServiceConfig.of(name, Parameters.of(environment, defaults)));
        } catch (OcfException e) {
            LOG.log(System.Logger.Level.DEBUG, "service " + name + ": probe: " + e.getMessage());
            return Optional.empty();
        }
    }

    /**
     * Makes plans of those that are due.
     *
     * @param recorded services that start, run or stop here, which are left alone
     */
    void look(Set<ServiceName> recorded) throws IOException, InterruptedException {
        IpLink.Network network = null;
        for (ServiceName name : waiting()) {
            Probe probe = waiting.get(name);
            if (recorded.contains(name) || clock.getAsLong() - probe.due() < 0) {
                continue;
            }
            later(name, AGAIN);
            ClusterResources.Answer answer = cluster.ask(name, Duration.ZERO);
            // What is forbidden may be allowed one day, without another probe.
            if (answer == ClusterResources.Answer.YES || answer == ClusterResources.Answer.FORBIDDEN) {
                network = network == null ? parents.network() : network;
                learn(name, probe.config(), network);
            } else if (answer != ClusterResources.Answer.UNKNOWN && isOld(probe)) {
                drop(name);
            }
        }
    }

    /** By then it is the answer of now, where nothing tells of a change of the configuration. */
    private boolean isOld(Probe probe) {
        return clock.getAsLong() - probe.since() > ClusterResources.OUTDATED.toNanos();
    }

    private void later(ServiceName name, Duration pause) {
        waiting.computeIfPresent(name, (key, probe) -> probe.due(clock.getAsLong() + pause.toNanos()));
    }

    private void learn(ServiceName name, ServiceConfig config, IpLink.Network network) throws IOException {
        String parent;
        try {
            parent = parents.name(config, network);
        } catch (OcfException e) {
            later(name, RETRY);
            // Where the cluster would not start it either there may be none for good: no warning.
            String text = String.valueOf(e.getMessage());
            LOG.log(text.equals(complaints.put(name, text)) ? System.Logger.Level.DEBUG : System.Logger.Level.INFO,
                    "service " + name + ": nothing is prepared for it here: " + text);
            if (standbys.plan(name).filter(plan -> !plan.mayBeOf(config)).isPresent()) {
                standbys.forgetPlan(name);
            }
            return;
        }
        standbys.plan(name, StandbyPlan.needed(config, parent));
        drop(name);
    }
}
