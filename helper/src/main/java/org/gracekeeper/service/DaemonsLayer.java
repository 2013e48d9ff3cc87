// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.sys.ProcessCalls;

/**
 * rpcbind, nfsdcld, rpc.statd and rpc.mountd of the service, and nfs-notify while there are clients to notify, as systemd
 * units that enter its namespaces: systemd supervises them, and they outlive the helper. rpcbind has been started by
 * {@link RpcbindLayer}. All have to be ready before nfsd: from then on clients' grace time runs.
 */
final class DaemonsLayer implements Layer {
    private static final Duration READY = Duration.ofSeconds(60);
    private static final Duration GRACEFUL = Duration.ofSeconds(5);
    private static final Duration KILLED = Duration.ofSeconds(5);
    private static final int LOOKS_PER_SIGNAL = 50;

    private final Node node;
    private final DaemonUnits units;
    private final Processes processes;
    private final Notifications notifications;

    DaemonsLayer(Node node, DaemonUnits units, Processes processes, Notifications notifications) {
        this.node = node;
        this.units = units;
        this.processes = processes;
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
        List<String> daemons = new ArrayList<>(v3 ? List.of("nfsdcld", "statd", "mountd") : List.of("nfsdcld", "mountd"));
        if (notifications.any(instance.name())) {
            // Waits by itself until clients can be reached.
            daemons.add(Instance.NOTIFY);
        }
        units.start(operation, daemons);
        // nfsd asks for its client tracker for one second only (fs/nfsd/nfs4recover.c, nfsd4_cld_tracking_init).
        await(operation, ready, "nfsdcld", () -> processes.find(instance.netnsFile(), "nfsdcld")
                .map(p -> processes.watchesFiles(p.pid())).orElse(false));
        if (v3) {
            await(operation, ready, "statd", () -> node.in(instance.network(),
                    () -> RpcClient.registered(RpcClient.STATD, 1)));
            await(operation, ready, "mountd", () -> node.in(instance.network(),
                    () -> RpcClient.registered(RpcClient.MOUNTD, 3)));
        } else {
            await(operation, ready, "mountd", () -> processes.find(instance.netnsFile(), "rpc.mountd").isPresent());
        }
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        IOException failure = null;
        try {
            units.requestStop(operation);
        } catch (IOException e) {
            failure = e;
        }
        // All at once: statd alone would leave lockd, and with it the whole node, waiting for its answers.
        if (!end(operation, ProcessCalls.SIGTERM, GRACEFUL) && !end(operation, ProcessCalls.SIGKILL, KILLED)) {
            failure = new IOException("processes do not end: " + processes.in(instance.netnsFile()));
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        var running = processes.in(operation.instance().netnsFile());
        for (String program : programs(operation.service().config().hasNfsV3())) {
            if (running.stream().noneMatch(p -> p.runs(program))) {
                return Optional.of(program + " does not run (its unit's log: journalctl -u '"
                        + operation.instance().unit(program.replace("rpc.", "")) + "')");
            }
        }
        return Optional.empty();
    }

    private static List<String> programs(boolean v3) {
        return v3 ? List.of("rpcbind", "nfsdcld", "rpc.statd", "rpc.mountd") : List.of("nfsdcld", "rpc.mountd");
    }

    /**
     * Each process gets the signal once, whenever it comes, and all but nfsdcld get it every second: mountd takes none while it
     * starts (utils/mountd/mountd.c), and nfsdcld may hang in the handler of a second SIGTERM.
     */
    private boolean end(Operation operation, int signal, Duration patience) throws IOException, InterruptedException {
        var file = operation.instance().netnsFile();
        Set<Integer> told = new HashSet<>();
        Deadline deadline = Deadline.after(patience);
        for (int look = 0; true; look++) {
            var left = processes.in(file);
            if (left.isEmpty()) {
                return true;
            }
            if (deadline.passed()) {
                return false;
            }
            boolean again = look % LOOKS_PER_SIGNAL == 0;
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
