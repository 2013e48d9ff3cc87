// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.ProcessCalls;

/** What {@link HealthWatch} looks at and does. Stateless, thread-safe. */
final class HealthProbe {
    private static final int MAX = 4096;
    /** Program and version that tell whether rpcbind knows a server. */
    private static final Map<String, int[]> PROGRAMS = new TreeMap<>(Map.of(
            "lockd", new int[] {RpcClient.LOCKD, 4}, "mountd", new int[] {RpcClient.MOUNTD, 3},
            "nfsd", new int[] {RpcClient.NFS, 3}, "statd", new int[] {RpcClient.STATD, 1}));

    private final Node node;
    private final NfsdFs nfsd;
    private final DaemonUnits units;
    private final Path cgroup;
    private final Path proc;

    HealthProbe(Node node, NfsdFs nfsd, DaemonUnits units) {
        this(node, nfsd, units, Path.of("/sys/fs/cgroup"), Path.of("/proc"));
    }

    HealthProbe(Node node, NfsdFs nfsd, DaemonUnits units, Path cgroup, Path proc) {
        this.node = node;
        this.nfsd = nfsd;
        this.units = units;
        this.cgroup = cgroup;
        this.proc = proc;
    }

    /** The first process of the daemon's unit, from its control group; empty when there is none. */
    Optional<DaemonProcess> daemon(Instance instance, String daemon) throws IOException {
        try {
            Path procs = cgroup.resolve(instance.controlGroup()).resolve(instance.unit(daemon)).resolve("cgroup.procs");
            Optional<String> pid = text(procs).lines().findFirst();
            return pid.isEmpty() ? Optional.empty()
                    : Optional.of(DaemonProcess.parse(Integer.parseInt(pid.get()), text(proc.resolve(pid.get()).resolve("stat"))));
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV || e.errno() == Errno.ESRCH) {
                return Optional.empty();
            }
            throw e;
        }
    }

    RpcClient.Answer statd(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().network(), () -> RpcClient.ask(Firewall.STATD, RpcClient.STATD, 1));
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

    int threads(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().inside(), nfsd::threads);
    }

    /** Those that register themselves when they start. */
    void registerAgain(RunningService service, Deadline deadline) throws IOException {
        units.requestRestart(service.instance(), List.of("statd", "mountd"), deadline);
    }

    /** Of one that was stopped by a signal; harmless for any other. */
    void letGoOn(DaemonProcess process) throws IOException {
        signal(process, ProcessCalls.SIGCONT);
    }

    /** @return whether it was still this process */
    boolean kill(Instance instance, String daemon, DaemonProcess process) throws IOException {
        if (!process.isSame(daemon(instance, daemon).orElse(null))) {
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
