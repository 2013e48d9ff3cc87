// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.gracekeeper.model.ServiceName;

/**
 * Looks at the services that serve every two seconds, between Pacemaker's monitors. A daemon that is stopped or hangs is put
 * right here: one hanging statd blocks the lockd of the whole node, which waits for its answer (fs/lockd/mon.c, nsm_mon_unmon).
 * What nobody can put right while the service runs is reported to the cluster, once. One thread for all.
 */
final class HealthWatch {
    private static final System.Logger LOG = System.getLogger(HealthWatch.class.getName());
    private static final Duration PAUSE = Duration.ofSeconds(2);

    private final Registry registry;
    private final HealthProbe probe;
    private final ClusterFailure cluster;
    private final Predicate<ServiceName> idle;
    private final Map<ServiceName, Seen> seen = new HashMap<>();

    /** @param idle whether no action works on the service just now */
    HealthWatch(Registry registry, HealthProbe probe, ClusterFailure cluster, Predicate<ServiceName> idle) {
        this.registry = registry;
        this.probe = probe;
        this.cluster = cluster;
        this.idle = idle;
    }

    /** What is known of a service from earlier looks; it begins anew with each of its starts. */
    private static final class Seen {
        private final double start;
        /** What was wrong at the last look: it may be about to be put right. */
        private String problem = "";
        private boolean reported;
        private final Set<String> hanging = new HashSet<>();
        private int rpcbind;

        private Seen(double start) {
            this.start = start;
        }
    }

    void start() {
        Thread thread = new Thread(() -> {
            try {
                while (true) {
                    Thread.sleep(PAUSE.toMillis());
                    look();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, "health");
        thread.setDaemon(true);
        thread.start();
    }

    /** One look at all. */
    void look() throws InterruptedException {
        try {
            Set<ServiceName> names = new HashSet<>(registry.names());
            seen.keySet().retainAll(names);
            for (ServiceName name : names) {
                look(name);
            }
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "health: " + e.getMessage());
        }
    }

    private void look(ServiceName name) throws InterruptedException {
        try {
            Optional<RunningService> service = registry.load(name).filter(RunningService::serving);
            if (service.isEmpty() || !idle.test(name)) {
                return;
            }
            Seen before = seen.get(name);
            if (before == null || before.start != service.get().startedAt()) {
                before = new Seen(service.get().startedAt());
                seen.put(name, before);
            }
            look(service.get(), before);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "health of " + name + ": " + e.getMessage());
        }
    }

    private void look(RunningService service, Seen before) throws IOException, InterruptedException {
        String problem = "";
        for (String daemon : Instance.daemons(service.config().hasNfsV3())) {
            Optional<HealthProbe.Daemon> found = probe.daemon(service, daemon);
            if (found.isEmpty()) {
                problem = daemon + " does not run, and systemd has not brought it back";
                continue;
            }
            boolean hangs = found.get().stopped() || daemon.equals("statd") && !probe.statdAnswers(service);
            if (hangs) {
                putRight(service, daemon, found.get(), !before.hanging.add(daemon));
            } else {
                before.hanging.remove(daemon);
            }
            if (daemon.equals("rpcbind")) {
                problem = problem.isEmpty() ? rpcbind(service, before, found.get()) : problem;
            }
        }
        if (problem.isEmpty() && probe.threads(service) == 0) {
            problem = "nfsd has no threads";
        }
        if (!problem.isEmpty() && problem.equals(before.problem) && !before.reported && idle.test(service.config().name())
                && Objects.equals(registry.load(service.config().name()).map(RunningService::startedAt).orElse(null),
                        service.startedAt())) {
            before.reported = cluster.report(service.config().name(), problem);
        }
        before.problem = problem;
    }

    /** @return what is wrong, or empty */
    private String rpcbind(RunningService service, Seen before, HealthProbe.Daemon found) throws IOException, InterruptedException {
        if (before.rpcbind == found.pid()) {
            return "";
        }
        String missing = probe.unregistered(service);
        if (missing.isEmpty()) {
            before.rpcbind = found.pid();
            return "";
        }
        return "rpcbind was started anew and does not know " + missing + ", so NFSv3 clients cannot find them";
    }

    /** One that is stopped goes on; one that hangs still, or answers nothing, is ended: systemd starts it anew. */
    private void putRight(RunningService service, String daemon, HealthProbe.Daemon found, boolean again) throws IOException {
        String what = "service " + service.config().name() + ": " + daemon + " (process " + found.pid() + ") "
                + (found.stopped() ? "is stopped" : "does not answer");
        if (found.stopped() && !again) {
            LOG.log(System.Logger.Level.WARNING, what + ": let go on");
            probe.letGoOn(found);
        } else if (again) {
            LOG.log(System.Logger.Level.WARNING, what + ": ended, systemd starts it anew");
            probe.kill(found);
        }
    }
}
