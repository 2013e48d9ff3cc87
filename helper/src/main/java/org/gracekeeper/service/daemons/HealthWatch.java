// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterFailure;
import org.gracekeeper.service.stack.Idle;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Looks;

/**
 * Looks at all services of the node every two seconds, between Pacemaker's monitors. There is one lockd for all, and it waits for
 * a statd or rpcbind that hangs (fs/lockd/mon.c, nsm_mon_unmon): one service's would hold up everybody's locks. So one that was
 * stopped by a signal goes on at once, whatever else is done with the service. That takes a few files of /proc only and cannot
 * hang; what can is asked beside it, of each service one thing at a time. What cannot be put right while the service runs is
 * reported to the cluster, once for each start.
 *
 * <p>Services of the node's own nfsd are left out: its daemons are the node's, and serve others, too.
 */
public final class HealthWatch {
    private static final System.Logger LOG = System.getLogger(HealthWatch.class.getName());
    private static final Duration PAUSE = Duration.ofSeconds(2);

    private final Registry registry;
    private final HealthProbe probe;
    private final ClusterFailure cluster;
    private final Idle idle;
    private final SessionSlots sessions;
    private final Clients clients;
    private final Path services;
    private final LongSupplier clock;
    private final Map<ServiceName, ServiceHealth> known = new HashMap<>();
    /** What is under way: one for each service, even when that was started anew meanwhile. */
    private final Map<ServiceName, Future<?>> examined = new HashMap<>();
    private final Map<String, String> complaints = new ConcurrentHashMap<>();
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "health");
        thread.setDaemon(true);
        return thread;
    });

    /** Sees that of the clients of a service which is recovered those are recorded that are there, and nobody who has gone. */
    public interface Clients {
        /** @return whether no more can come back from before its start, but those that had begun to */
        boolean see(RunningService service) throws IOException, InterruptedException;
    }

    /** @param services has a directory for each service: that something was reported outlives the helper there */
    public HealthWatch(Registry registry, HealthProbe probe, ClusterFailure cluster, Idle idle, SessionSlots sessions,
            Clients clients, Path services, LongSupplier clock) {
        this.registry = registry;
        this.probe = probe;
        this.cluster = cluster;
        this.idle = idle;
        this.sessions = sessions;
        this.clients = clients;
        this.services = services;
        this.clock = clock;
    }

    public void start() {
        Looks.start("health watch", PAUSE, () -> {}, this::look);
    }

    /** One look at all; what takes longer is begun. */
    void look() {
        Set<ServiceName> names;
        try {
            names = new HashSet<>(registry.names());
        } catch (IOException | RuntimeException e) {
            complain("services", e);
            return;
        }
        known.keySet().retainAll(names);
        try {
            sessions.retain(names);
        } catch (IOException | RuntimeException e) {
            complain("sessions", e);
        }
        examined.values().removeIf(Future::isDone);
        for (ServiceName name : names) {
            try {
                Optional<RunningService> service = registry.load(name);
                if (service.isPresent() && !service.get().config().isShared()) {
                    look(service.get());
                }
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "service " + name + ": " + e.getMessage()); // it is being made or removed
            } catch (RuntimeException e) {
                complain("service " + name, e);
            }
        }
    }

    private void look(RunningService service) {
        ServiceName name = service.config().name();
        ServiceHealth before = known.get(name);
        ServiceHealth health = before != null && before.isOf(service) ? before : new ServiceHealth(
                service, registry, probe, cluster, idle, sessions, clients, services.resolve(name.value()).resolve("reported"), clock);
        known.put(name, health);
        health.look(service);
        if (service.serving() && !examined.containsKey(name)) {
            examined.put(name, threads.submit(() -> examine(service, health)));
        }
    }

    private void examine(RunningService service, ServiceHealth health) {
        try {
            health.examine(service);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "service " + service.config().name() + ": " + e.getMessage());
        } catch (RuntimeException e) {
            complain("service " + service.config().name(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // for a stop
        }
    }

    /** Once, not with every look. */
    private void complain(String about, Exception e) {
        String text = e.toString();
        LOG.log(text.equals(complaints.put(about, text)) ? System.Logger.Level.DEBUG : System.Logger.Level.WARNING,
                about + " cannot be looked after: " + text);
    }

    /** For tests: until what was begun has ended. */
    void await() throws InterruptedException, ExecutionException {
        for (Future<?> each : examined.values()) {
            each.get();
        }
    }
}
