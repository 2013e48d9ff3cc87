// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.DaemonProcess;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.ProcessCalls;
import org.gracekeeper.task.Deadline;

/** What {@link HealthWatch} looks at and does; {@link DaemonsLayer} finds daemons by it. Stateless, thread-safe. */
public final class HealthProbe {
    private static final int MAX = 4096;
    /** Where systemd has its control groups: alone, beside those of version 1, or there. */
    private static final List<Path> CGROUPS =
            List.of(Path.of("/sys/fs/cgroup"), Path.of("/sys/fs/cgroup/unified"), Path.of("/sys/fs/cgroup/systemd"));
    private static final Path ROOT = Path.of("/");
    /** Program and version that tell whether rpcbind knows a server. */
    private static final Map<String, int[]> PROGRAMS = new TreeMap<>(Map.of(
            "lockd", new int[] {RpcClient.LOCKD, 4}, "mountd", new int[] {RpcClient.MOUNTD, 3},
            "nfsd", new int[] {RpcClient.NFS, 3}, "statd", new int[] {RpcClient.STATD, 1}));

    private final Node node;
    private final DaemonUnits units;
    private final Path cgroup;
    private final Path proc;

    public HealthProbe(Node node, DaemonUnits units) {
        this(node, units, CGROUPS.stream().filter(root -> Files.exists(root.resolve("cgroup.procs"))).findFirst()
                .orElse(CGROUPS.get(0)), Path.of("/proc"));
    }

    public HealthProbe(Node node, DaemonUnits units, Path cgroup, Path proc) {
        this.node = node;
        this.units = units;
        this.cgroup = cgroup;
        this.proc = proc;
    }

    /** The first process of the daemon's unit, from its control group; empty when there is none. */
    Optional<DaemonProcess> daemon(Instance instance, String daemon) throws IOException {
        try {
            Path procs = cgroup.resolve(instance.controlGroup()).resolve(instance.unit(daemon)).resolve("cgroup.procs");
            Optional<String> pid = text(procs).lines().findFirst();
            if (pid.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(process(Integer.parseInt(pid.get())));
        } catch (KernelException e) {
            return none(e);
        }
    }

    /** The same process as it is now, by one file instead of two; empty when it has ended. */
    Optional<DaemonProcess> still(DaemonProcess before) throws IOException {
        try {
            return Optional.of(process(before.pid())).filter(now -> now.isSame(before) && !now.hasEnded());
        } catch (KernelException e) {
            return none(e);
        }
    }

    private DaemonProcess process(int pid) throws IOException {
        return DaemonProcess.parse(pid, text(proc.resolve(Integer.toString(pid)).resolve("stat")));
    }

    /** There is no such process, or no such unit. */
    private static Optional<DaemonProcess> none(KernelException e) throws KernelException {
        if (e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV || e.errno() == Errno.ESRCH) {
            return Optional.empty();
        }
        throw e;
    }

    /**
     * Asks one of those that lockd waits for, at its own port: statd or rpcbind.
     *
     * @throws IOException it could not be asked
     */
    public RpcClient.Answer ask(Instance instance, String daemon) throws IOException, InterruptedException {
        return node.in(instance.network(), () -> daemon.equals("statd")
                ? RpcClient.ask(Firewall.STATD, RpcClient.STATD, 1)
                : RpcClient.ask(RpcClient.RPCBIND_PORT, RpcClient.PMAP, 2));
    }

    /**
     * Servers of the service that rpcbind does not know.
     *
     * @throws IOException it does not answer
     */
    List<String> unknown(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().network(), () -> {
            List<String> unknown = new ArrayList<>();
            for (Map.Entry<String, int[]> program : PROGRAMS.entrySet()) {
                if (!RpcClient.knows(program.getValue()[0], program.getValue()[1])) {
                    unknown.add(program.getKey());
                }
            }
            return unknown;
        });
    }

    /**
     * How many nfsd has, read through the root directory of a daemon of the service: for so many services, and so often, threads
     * that enter namespaces would cost too much.
     *
     * @throws IOException the daemon has ended
     */
    int threads(DaemonProcess daemon) throws IOException {
        return nfsd(daemon).threads();
    }

    /** The numbers of nfsd's clients, read as {@link #threads} are. */
    Set<String> clients(DaemonProcess daemon) {
        return nfsd(daemon).clientNumbers();
    }

    private NfsdFs nfsd(DaemonProcess daemon) {
        Path root = proc.resolve(Integer.toString(daemon.pid())).resolve("root");
        return new NfsdFs(node.kernel(), root.resolve(ROOT.relativize(MountNamespace.NFSD)));
    }

    /** Those that register themselves when they start. */
    void registerAgain(RunningService service, Deadline deadline) throws IOException {
        units.requestRestart(service.instance(), List.of("statd", "mountd"), deadline);
    }

    /** Of one that was stopped by a signal; harmless for any other. */
    void letGoOn(DaemonProcess process) throws IOException {
        signal(process, ProcessCalls.SIGCONT);
    }

    /** @return whether it was still this process, and nothing else holds it up now */
    boolean kill(Instance instance, String daemon, DaemonProcess process) throws IOException {
        Optional<DaemonProcess> now = daemon(instance, daemon);
        if (now.isEmpty() || !now.get().isSame(process) || now.get().isHeldUp()) {
            return false;
        }
        signal(process, ProcessCalls.SIGKILL);
        return true;
    }

    private void signal(DaemonProcess process, int signal) throws IOException {
        try {
            node.kernel().kill(process.pid(), signal);
        } catch (KernelException e) {
            if (e.errno() != Errno.ESRCH) {
                throw e;
            }
        }
    }

    private String text(Path file) throws IOException {
        return new String(node.kernel().read(file, MAX), StandardCharsets.ISO_8859_1);
    }
}
