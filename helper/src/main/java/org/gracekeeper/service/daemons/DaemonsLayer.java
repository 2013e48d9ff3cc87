// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.node.DaemonProcess;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Processes;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.notify.Notifications;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.sys.ProcessCalls;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Waiting;

/**
 * rpcbind, nfsdcld, rpc.statd and rpc.mountd of the service, and nfs-notify while there are clients to notify, as systemd
 * units that enter its namespaces: systemd supervises them, and they outlive the helper. rpcbind and nfsdcld have been asked for
 * by {@code RpcbindLayer} and {@link TrackerLayer}. statd and mountd, which clients alone need, get ready while nfsd starts, see
 * {@link RegisteredLayer}.
 */
public final class DaemonsLayer implements Layer {
    private static final Duration READY = Duration.ofSeconds(60);
    private static final Duration GRACEFUL = Duration.ofSeconds(5);
    private static final Duration KILLED = Duration.ofSeconds(5);
    private static final int LOOKS_PER_SECOND = (int) (Duration.ofSeconds(1).toMillis() / Waiting.POLL_MILLIS);

    private final Node node;
    private final DaemonUnits units;
    private final Processes processes;
    private final HealthProbe probe;
    private final Notifications notifications;

    public DaemonsLayer(Node node, DaemonUnits units, Processes processes, HealthProbe probe, Notifications notifications) {
        this.node = node;
        this.units = units;
        this.processes = processes;
        this.probe = probe;
        this.notifications = notifications;
    }

    @Override
    public String name() {
        return "daemons";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        Instance instance = operation.instance();
        boolean v3 = operation.service().config().hasNfsV3();
        Deadline ready = operation.deadline().part(READY);
        if (v3) {
            // It has to answer before statd and mountd register with it.
            await(operation, ready, "rpcbind", () -> node.in(instance.network(),
                    () -> RpcClient.answers(RpcClient.RPCBIND_PORT, RpcClient.PMAP, 2)));
        }
        units.requestStart(operation, v3 ? List.of("statd", "mountd") : List.of("mountd"));
        // nfsd asks for its client tracker for one second only (fs/nfsd/nfs4recover.c, nfsd4_cld_tracking_init).
        awaitProcess(operation, ready, TrackerLayer.NFSDCLD, process -> processes.watchesFiles(process.pid()));
        if (notifications.any(instance.name())) {
            // Waits by itself until clients can be reached. After the others: its nice level would put it before them.
            units.requestStart(operation, List.of(Instance.NOTIFY));
        }
    }

    /** Until those are ready that answer clients. */
    void awaitAll(Operation operation) throws IOException, OcfException, InterruptedException {
        Instance instance = operation.instance();
        Deadline ready = operation.deadline().part(READY);
        if (operation.service().config().hasNfsV3()) {
            await(operation, ready, "statd", () -> node.in(instance.network(),
                    () -> RpcClient.registered(RpcClient.STATD, 1)));
            await(operation, ready, "mountd", () -> node.in(instance.network(),
                    () -> RpcClient.registered(RpcClient.MOUNTD, 3)));
        } else {
            awaitProcess(operation, ready, "rpc.mountd", process -> true);
        }
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        down(operation.instance(), operation.deadline());
    }

    /** All that runs in the service's network namespace. */
    public void down(Instance instance, Deadline deadline) throws IOException, InterruptedException {
        IOException failure = null;
        try {
            units.requestStop(instance, deadline);
        } catch (IOException e) {
            failure = e;
        }
        // All at once: statd alone would leave lockd, and with it the whole node, waiting for its answers.
        if (!end(instance, ProcessCalls.SIGTERM, GRACEFUL) && !end(instance, ProcessCalls.SIGKILL, KILLED)) {
            failure = new IOException("processes do not end: " + processes.in(instance.netnsFile()));
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        Instance instance = operation.instance();
        List<String> unseen = new ArrayList<>();
        for (String program : programs(operation.service().config().hasNfsV3())) {
            Optional<DaemonProcess> first = ofUnit(instance, program);
            if (first.isEmpty() || named(instance, first.get(), program).isEmpty()) {
                unseen.add(program);
            }
        }
        if (unseen.isEmpty()) {
            return Optional.empty();
        }
        // Somebody else may have started it, or an earlier version's unit.
        var running = processes.in(instance.netnsFile());
        for (String program : unseen) {
            if (running.stream().noneMatch(p -> p.runs(program))) {
                return Optional.of(program + " does not run (its unit's log: journalctl -u '"
                        + instance.unit(daemon(program)) + "')");
            }
        }
        return Optional.empty();
    }

    private static List<String> programs(boolean v3) {
        return v3 ? List.of("rpcbind", "nfsdcld", "rpc.statd", "rpc.mountd") : List.of("nfsdcld", "rpc.mountd");
    }

    private static String daemon(String program) {
        return program.replace("rpc.", "");
    }

    /**
     * Until the program runs, and is as it is to be. Mostly its unit has it. Else all processes of the node are searched, but not with
     * each look: where many services start at once all of them wait for systemd, which would get no processor for that.
     */
    private void awaitProcess(Operation operation, Deadline deadline, String program, Predicate<Processes.Process> ready)
            throws IOException, OcfException, InterruptedException {
        Instance instance = operation.instance();
        AtomicInteger looks = new AtomicInteger();
        await(operation, deadline, daemon(program), () -> {
            boolean search = looks.getAndIncrement() % LOOKS_PER_SECOND == 0;
            Optional<DaemonProcess> first = ofUnit(instance, program);
            Optional<Processes.Process> process = first.isPresent() ? named(instance, first.get(), program)
                    : search ? processes.find(instance.netnsFile(), program) : Optional.empty();
            return process.filter(ready).isPresent();
        });
    }

    /** The process, if it is that program and in the service's network namespace. */
    private Optional<Processes.Process> named(Instance instance, DaemonProcess process, String program) throws IOException {
        return processes.one(instance.netnsFile(), process.pid()).filter(p -> p.runs(program));
    }

    /** The first process of the program's unit, whatever it is by now; empty, too, where that cannot be told. */
    private Optional<DaemonProcess> ofUnit(Instance instance, String program) {
        try {
            return probe.daemon(instance, daemon(program));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Each process gets the signal once, whenever it comes, and all but nfsdcld get it every second: mountd takes none while it
     * starts (utils/mountd/mountd.c), and nfsdcld may hang in the handler of a second SIGTERM.
     */
    private boolean end(Instance instance, int signal, Duration patience) throws IOException, InterruptedException {
        var file = instance.netnsFile();
        Set<Integer> told = new HashSet<>();
        Deadline deadline = Deadline.after(patience);
        List<Processes.Process> left = List.of();
        for (int look = 0; true; look++) {
            boolean again = look % LOOKS_PER_SECOND == 0;
            // All are looked through when those that were seen have gone: somebody may have come.
            left = again ? List.of() : processes.still(file, left);
            left = left.isEmpty() ? processes.in(file) : left;
            if (left.isEmpty()) {
                return true;
            }
            if (deadline.passed()) {
                return false;
            }
            processes.signal(left.stream().filter(p -> told.add(p.pid()) || again && !p.comm().equals("nfsdcld")).toList(),
                    signal);
            Thread.sleep(Waiting.POLL_MILLIS);
        }
    }

    private void await(Operation operation, Deadline deadline, String daemon, Waiting.Condition condition)
            throws IOException, OcfException, InterruptedException {
        if (!Waiting.until(deadline, condition)) {
            throw new OcfException(OcfCode.GENERIC, "daemon " + daemon + " of service " + operation.instance().name()
                    + " is not ready in time: see journalctl -u '" + operation.instance().unit(daemon) + "'");
        }
    }
}
