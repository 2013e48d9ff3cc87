// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import org.gracekeeper.model.ServiceName;

/**
 * Looks at all services of the node every two seconds, between Pacemaker's monitors. There is one lockd for all, and it waits for a
 * statd or rpcbind that hangs (fs/lockd/mon.c, nsm_mon_unmon): one service's would hold up everybody's locks. So one that was
 * stopped by a signal goes on at once, whatever else is done with the service. That takes a few files of /proc only and cannot
 * hang; what can is asked on a thread of each service's own, one at a time. What cannot be put right while the service runs is
 * reported to the cluster, once for each start.
 */
final class HealthWatch {
    private static final System.Logger LOG = System.getLogger(HealthWatch.class.getName());
    private static final Duration PAUSE = Duration.ofSeconds(2);
    /** statd is asked with every so-manieth look: only one that hangs without being stopped is found by that. */
    private static final int STATD_LOOKS = 5;
    /** Before the cluster is asked again about a service that it does not care for. */
    private static final Duration AGAIN = Duration.ofSeconds(20);
    private static final Duration TOOL = Duration.ofSeconds(10);

    private final Registry registry;
    private final HealthProbe probe;
    private final ClusterFailure cluster;
    private final Idle idle;
    private final Path services;
    private final LongSupplier clock;
    private final Map<ServiceName, Seen> seen = new HashMap<>();

    /** Runs something when no action works on a service, and keeps actions away meanwhile; a stop interrupts it. */
    interface Idle {
        /** @return false when an action works on the service: nothing was done */
        boolean run(ServiceName name, Step step) throws IOException, InterruptedException;
    }

    /** @param services has a directory for each service: that something was reported outlives the helper there */
    HealthWatch(Registry registry, HealthProbe probe, ClusterFailure cluster, Idle idle, Path services, LongSupplier clock) {
        this.registry = registry;
        this.probe = probe;
        this.cluster = cluster;
        this.idle = idle;
        this.services = services;
        this.clock = clock;
    }

    /** What is known of a service; begins anew with each of its starts. Its fields are the worker's, but for the first two. */
    private static final class Seen {
        private final double start;
        private final Map<String, DaemonHealth> daemons = new HashMap<>();
        private Thread worker;
        private int looks;
        private Optional<DaemonProcess> rpcbind = Optional.empty();
        private boolean registered;
        private String told = "";
        private long askAgain;
        private boolean waits;

        private Seen(double start, List<String> names) {
            this.start = start;
            names.forEach(name -> daemons.put(name, new DaemonHealth(name)));
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

    /** One look at all; what takes longer is begun. */
    void look() throws InterruptedException {
        Set<ServiceName> names;
        try {
            names = new HashSet<>(registry.names());
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "health: " + e.getMessage());
            return;
        }
        seen.keySet().retainAll(names);
        for (ServiceName name : names) {
            try {
                Optional<RunningService> service = registry.load(name);
                if (service.isPresent()) {
                    look(service.get());
                }
            } catch (IOException | RuntimeException e) {
                LOG.log(System.Logger.Level.DEBUG, "health of " + name + ": " + e.getMessage());
            }
        }
    }

    private void look(RunningService service) throws IOException {
        ServiceName name = service.config().name();
        Seen now = seen.get(name);
        if (now == null || now.start != service.startedAt()) {
            now = new Seen(service.startedAt(), Instance.daemons(service.config().hasNfsV3()));
            seen.put(name, now);
        }
        for (Map.Entry<String, DaemonHealth> daemon : now.daemons.entrySet()) {
            Optional<DaemonProcess> process = probe.daemon(service.instance(), daemon.getKey());
            synchronized (now) {
                daemon.getValue().see(process, clock.getAsLong());
            }
            if (process.map(p -> p.state() == 'T').orElse(false)) {
                LOG.log(System.Logger.Level.WARNING, "service " + name + ": " + daemon.getKey() + " (process "
                        + process.get().pid() + ") is stopped: let go on");
                probe.letGoOn(process.get());
            }
        }
        if (service.serving() && (now.worker == null || !now.worker.isAlive())) {
            Seen mine = now;
            now.worker = new Thread(() -> examine(service, mine), "health of " + name);
            now.worker.setDaemon(true);
            now.worker.start();
        }
    }

    /** For tests: until what was begun has ended. */
    void await() throws InterruptedException {
        for (Seen each : seen.values()) {
            if (each.worker != null) {
                each.worker.join();
            }
        }
    }

    private void examine(RunningService service, Seen now) {
        try {
            String problem = problem(service, now);
            if (!problem.isEmpty()) {
                report(service, now);
            }
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "health of " + service.config().name() + ": " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // for a stop
        }
    }

    private String problem(RunningService service, Seen now) throws IOException, InterruptedException {
        if (service.config().hasNfsV3()) {
            hearStatd(service, now);
        }
        String problem = "";
        synchronized (now) {
            for (DaemonHealth daemon : now.daemons.values()) {
                problem = problem.isEmpty() ? daemon.problem(clock.getAsLong()) : problem;
            }
        }
        if (problem.isEmpty() && service.config().hasNfsV3()) {
            problem = registrations(service, now);
        }
        return problem.isEmpty() && probe.threads(service) == 0 ? "nfsd has no threads" : problem;
    }

    private void hearStatd(RunningService service, Seen now) throws IOException, InterruptedException {
        if (now.looks++ % STATD_LOOKS != 0) {
            return;
        }
        var answer = probe.statd(service);
        DaemonHealth statd = now.daemons.get("statd");
        DaemonProcess toEnd = null;
        synchronized (now) {
            statd.hear(answer, clock.getAsLong());
            if (statd.isToEnd(clock.getAsLong())) {
                toEnd = statd.process().orElseThrow();
            }
        }
        if (toEnd == null) {
            return;
        }
        DaemonProcess hanging = toEnd;
        idle.run(service.config().name(), () -> {
            if (isCurrent(service) && probe.kill(service.instance(), "statd", hanging)) {
                LOG.log(System.Logger.Level.WARNING, "service " + service.config().name() + ": statd (process " + hanging.pid()
                        + ") does not answer: ended, systemd starts it anew");
                synchronized (now) {
                    statd.endedNow();
                }
            }
        });
    }

    /**
     * A new rpcbind knows nobody. statd and mountd register again when they are started anew, which lockd is waiting for; nfsd and
     * lockd do so with the next start of the service only.
     */
    private String registrations(RunningService service, Seen now) throws IOException, InterruptedException {
        Optional<DaemonProcess> process;
        synchronized (now) {
            process = now.daemons.get("rpcbind").process();
        }
        if (process.isEmpty()) {
            return "";
        }
        boolean other = !process.get().isSame(now.rpcbind.orElse(null));
        if (!other && now.registered) {
            return "";
        }
        List<String> unknown = probe.unknown(service);
        if (other && (unknown.contains("statd") || unknown.contains("mountd"))) {
            LOG.log(System.Logger.Level.WARNING, "service " + service.config().name() + ": rpcbind was started anew: statd and"
                    + " mountd are, too, to register with it");
            probe.registerAgain(service, Deadline.after(TOOL));
        }
        now.rpcbind = process;
        now.registered = unknown.isEmpty();
        return unknown.contains("lockd") || unknown.contains("nfsd")
                ? "rpcbind was started anew and does not know lockd and nfsd: NFSv3 clients cannot find them" : "";
    }

    private void report(RunningService service, Seen now) throws IOException, InterruptedException {
        ServiceName name = service.config().name();
        Path marker = services.resolve(name.value()).resolve("reported");
        String start = Double.toString(service.startedAt());
        if (now.waits && clock.getAsLong() - now.askAgain < 0
                || Files.exists(marker) && Files.readString(marker).equals(start)) {
            return;
        }
        idle.run(name, () -> {
            // Once more, now that nothing else is done.
            String problem = isCurrent(service) ? problem(service, now) : "";
            if (problem.isEmpty()) {
                return;
            }
            if (!problem.equals(now.told)) {
                LOG.log(System.Logger.Level.ERROR, "service " + name + " has failed: " + problem);
                now.told = problem;
            }
            if (!cluster.cares(name)) {
                now.waits = true;
                now.askAgain = clock.getAsLong() + AGAIN.toNanos();
                return;
            }
            // Before: a request that was given up may have been heard.
            Files.write(marker, start.getBytes(StandardCharsets.US_ASCII));
            cluster.report(name);
            LOG.log(System.Logger.Level.INFO, "service " + name + ": the cluster has been told of the failure");
        });
    }

    private boolean isCurrent(RunningService service) throws IOException {
        return registry.load(service.config().name())
                .map(now -> now.serving() && now.startedAt() == service.startedAt()).orElse(false);
    }
}
