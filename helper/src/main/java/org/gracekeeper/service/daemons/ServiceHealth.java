// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.node.ClusterFailure;
import org.gracekeeper.node.DaemonProcess;
import org.gracekeeper.service.stack.Idle;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Step;

/**
 * What {@link HealthWatch} knows of one start of a service, and does about it. {@link #look} and {@link #examine} may run at the
 * same time, each one at a time.
 */
final class ServiceHealth {
    private static final System.Logger LOG = System.getLogger(HealthWatch.class.getName());
    /** Those that lockd waits for. */
    private static final List<String> ASKED = List.of("statd", "rpcbind");
    /** They are asked with every so-manieth look while they answer: most that hang have been stopped, which is seen without. */
    private static final int ASK_LOOKS = 5;
    /** Before the cluster is asked again about a service that it does not care for. */
    private static final Duration AGAIN = Duration.ofSeconds(20);
    /** After a recovery, when nobody can begin to reclaim any more: who had begun is there by the last of them. */
    private static final int LATE_LOOKS = 2;
    /** For that to be known; where nfsdcld cannot note the end of grace, on a full disk for one, it never is. */
    private static final int PATIENT_LOOKS = 30;
    private static final Duration TOOL = Duration.ofSeconds(10);

    private final ServiceName name;
    private final double start;
    private final Registry registry;
    private final HealthProbe probe;
    private final ClusterFailure cluster;
    private final Idle idle;
    private final SessionSlots sessions;
    private final HealthWatch.Clients clients;
    private final Path marker;
    private final LongSupplier clock;
    /** Guarded by this object. */
    private final Map<String, DaemonHealth> daemons = new LinkedHashMap<>();

    // What follows is examine's alone.
    private int looks;
    /** Whether some have gone, and that is to be noted yet. */
    private boolean departed;
    /** How often those that came last in the recovery are looked for yet. Who had gone before the first look is not known. */
    private int lateLooks = LATE_LOOKS;
    private int patientLooks = PATIENT_LOOKS;
    private Optional<DaemonProcess> rpcbind = Optional.empty();
    private List<String> unknown = List.of();
    private String told = "";
    private boolean waits;
    private long askAgain;

    /** @param marker a file that outlives the helper, and goes with the service: that this start's failure was reported */
    ServiceHealth(RunningService service, Registry registry, HealthProbe probe, ClusterFailure cluster, Idle idle,
            SessionSlots sessions, HealthWatch.Clients clients, Path marker, LongSupplier clock) {
        this.name = service.config().name();
        this.start = service.startedAt();
        this.registry = registry;
        this.probe = probe;
        this.cluster = cluster;
        this.idle = idle;
        this.sessions = sessions;
        this.clients = clients;
        this.marker = marker;
        this.clock = clock;
        Instance.daemons(service.config().hasNfsV3()).forEach(daemon -> daemons.put(daemon, new DaemonHealth(daemon)));
    }

    boolean isOf(RunningService service) {
        return start == service.startedAt();
    }

    /** Looks at its processes, and lets those that were stopped go on. */
    void look(RunningService service) {
        for (DaemonHealth daemon : daemons.values()) {
            try {
                look(service, daemon);
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "service " + name + ": " + daemon.name() + ": " + e.getMessage());
            }
        }
    }

    private void look(RunningService service, DaemonHealth daemon) throws IOException {
        Optional<DaemonProcess> before;
        synchronized (this) {
            before = daemon.process();
        }
        // A unit has another process only when the one before has ended.
        Optional<DaemonProcess> process = before.isPresent() ? probe.still(before.get()) : Optional.empty();
        if (process.isEmpty()) {
            process = probe.daemon(service.instance(), daemon.name());
        }
        synchronized (this) {
            daemon.see(process, clock.getAsLong());
        }
        if (process.isPresent() && process.get().isStopped()) {
            probe.letGoOn(process.get());
            LOG.log(System.Logger.Level.WARNING, "service " + name + ": " + daemon.name() + " (process " + process.get().pid()
                    + ") was stopped: it goes on");
        }
    }

    /** Asks what may hang, puts right what can be, and reports what cannot. */
    void examine(RunningService service) throws IOException, InterruptedException {
        List<DaemonHealth> asked = ASKED.stream().filter(daemons::containsKey).map(daemons::get).toList();
        if (looks++ % ASK_LOOKS == 0 || anySilent(asked)) {
            for (DaemonHealth daemon : asked) {
                attempt(() -> ask(service, daemon));
            }
        }
        if (daemons.containsKey("rpcbind")) {
            attempt(() -> register(service));
        }
        attempt(() -> seeClients(service));
        if (!problem(service).isEmpty() && !isReported()) {
            idle.run(name, () -> report(service));
        }
    }

    private synchronized Optional<DaemonProcess> process(String daemon) {
        return daemons.get(daemon).process();
    }

    private synchronized boolean anySilent(List<DaemonHealth> some) {
        return some.stream().anyMatch(DaemonHealth::isSilent);
    }

    private void attempt(Step step) throws InterruptedException {
        try {
            step.run();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "service " + name + ": " + e.getMessage());
        }
    }

    /** One that hangs is ended: while nobody listens there, lockd is refused and goes on (fs/lockd/mon.c, nsm_mon_unmon). */
    private void ask(RunningService service, DaemonHealth daemon) throws IOException, InterruptedException {
        long asked = clock.getAsLong();
        Answer answer = probe.ask(service.instance(), daemon.name());
        DaemonProcess hanging;
        synchronized (this) {
            daemon.hear(answer, asked);
            if (!daemon.isToEnd(clock.getAsLong())) {
                return;
            }
            hanging = daemon.process().orElseThrow();
        }
        idle.run(name, () -> {
            if (isCurrent() && probe.kill(service.instance(), daemon.name(), hanging)) {
                synchronized (this) {
                    daemon.endedNow();
                }
                LOG.log(System.Logger.Level.WARNING, "service " + name + ": " + daemon.name() + " (process " + hanging.pid()
                        + ") does not answer: ended, systemd starts it anew");
            }
        });
    }

    /**
     * A new rpcbind knows nobody, and lockd waits for it to know statd. statd and mountd register again when they are started
     * anew; nfsd and lockd do so with the next start of the service only.
     */
    private void register(RunningService service) throws IOException, InterruptedException {
        Optional<DaemonProcess> process = process("rpcbind");
        if (process.isEmpty() || process.get().isSame(rpcbind.orElse(null))) {
            return;
        }
        unknown = probe.unknown(service);
        if (unknown.contains("statd") || unknown.contains("mountd")) {
            // Not beside a stop: what is started then would keep the file system busy.
            boolean done = idle.run(name, () -> {
                if (isCurrent()) {
                    LOG.log(System.Logger.Level.WARNING, "service " + name + ": rpcbind was started anew: statd and mountd are,"
                            + " too, to register with it");
                    probe.registerAgain(service, Deadline.after(TOOL));
                }
            });
            if (!done) {
                return;
            }
        }
        rpcbind = process;
    }

    /**
     * Clients that have gone are not waited for after a crash, and those that are there may come back; in a recovery that is not known
     * yet of all.
     */
    private void seeClients(RunningService service) throws IOException, InterruptedException {
        Optional<DaemonProcess> mountd = process("mountd");
        if (mountd.isEmpty()) {
            return;
        }
        if (sessions.see(name, probe.clients(mountd.get()))) {
            departed = true;
        }
        if ((departed || lateLooks > 0) && service.recovered() && idle.run(name, () -> record(service))) {
            departed = false;
        }
    }

    private void record(RunningService service) throws IOException, InterruptedException {
        if (isCurrent() && (clients.see(service) || --patientLooks <= 0)) {
            lateLooks--;
        }
    }

    /** What nobody puts right; empty when nothing is wrong. */
    private String problem(RunningService service) throws IOException, InterruptedException {
        Optional<DaemonProcess> mountd;
        synchronized (this) {
            long now = clock.getAsLong();
            Optional<String> problem = daemons.values().stream().map(d -> d.problem(now)).filter(p -> !p.isEmpty()).findFirst();
            if (problem.isPresent()) {
                return problem.get();
            }
            mountd = daemons.get("mountd").process();
        }
        if (mountd.isPresent() && probe.threads(mountd.get()) == 0) {
            return "nfsd has no threads";
        }
        if (!unknown.isEmpty()) {
            unknown = probe.unknown(service);
        }
        return unknown.contains("lockd") || unknown.contains("nfsd")
                ? "rpcbind was started anew and does not know lockd and nfsd: NFSv3 clients cannot find them" : "";
    }

    private boolean isReported() throws IOException {
        return waits && clock.getAsLong() - askAgain < 0
                || Files.exists(marker) && Files.readString(marker).equals(Double.toString(start));
    }

    private void report(RunningService service) throws IOException, InterruptedException {
        // Once more, now that nothing else is done.
        String problem = isCurrent() ? problem(service) : "";
        if (problem.isEmpty()) {
            return;
        }
        if (!problem.equals(told)) {
            LOG.log(System.Logger.Level.ERROR, "service " + name + " has failed: " + problem);
            told = problem;
        }
        waits = true;
        askAgain = clock.getAsLong() + AGAIN.toNanos();
        try {
            if (cluster.cares(name)) {
                // Before: a request that was given up may have been heard.
                Files.write(marker, Double.toString(start).getBytes(StandardCharsets.US_ASCII));
                LOG.log(System.Logger.Level.INFO, "service " + name + ": telling the cluster of the failure");
                cluster.report(name);
            }
        } catch (InterruptedIOException e) {
            throw e; // by a stop
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "service " + name + ": the cluster cannot be told: " + e.getMessage());
        }
    }

    private boolean isCurrent() throws IOException {
        return registry.load(name).map(now -> now.serving() && now.startedAt() == start).orElse(false);
    }
}
