// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.ProcessCalls;

/** What {@link HealthWatch} looks at, at the cost of a few small files for each service. Stateless, thread-safe. */
final class HealthProbe {
    private static final int MAX = 4096;
    private static final Path CGROUP = Path.of("/sys/fs/cgroup");
    private static final Map<String, Integer> PROGRAMS = Map.of("mountd", RpcClient.MOUNTD, "statd", RpcClient.STATD, "lockd",
            RpcClient.LOCKD, "nfsd", RpcClient.NFS);
    private static final Map<Integer, Integer> VERSIONS =
            Map.of(RpcClient.MOUNTD, 3, RpcClient.STATD, 1, RpcClient.LOCKD, 4, RpcClient.NFS, 3);

    private final Node node;
    private final NfsdFs nfsd;
    private final Path cgroup;
    private final Path proc;

    HealthProbe(Node node, NfsdFs nfsd) {
        this(node, nfsd, CGROUP, Path.of("/proc"));
    }

    HealthProbe(Node node, NfsdFs nfsd, Path cgroup, Path proc) {
        this.node = node;
        this.nfsd = nfsd;
        this.cgroup = cgroup;
        this.proc = proc;
    }

    /** @param stopped by a signal, or by somebody who traces it */
    record Daemon(int pid, boolean stopped) {}

    /** The first process of its unit's control group; empty when there is none. */
    Optional<Daemon> daemon(RunningService service, String daemon) throws IOException {
        Instance instance = service.instance();
        Path procs = cgroup.resolve(instance.controlGroup()).resolve(instance.unit(daemon)).resolve("cgroup.procs");
        try {
            Optional<Integer> pid = text(procs).lines().map(Integer::valueOf).findFirst();
            return pid.isEmpty() ? Optional.empty() : Optional.of(new Daemon(pid.get(), isStopped(pid.get())));
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV || e.errno() == Errno.ESRCH) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** proc_pid_stat(5): the state follows the name, which is in parentheses and may have any. */
    private boolean isStopped(int pid) throws IOException {
        String stat = text(proc.resolve(Integer.toString(pid)).resolve("stat"));
        String state = stat.substring(stat.lastIndexOf(')') + 1).strip();
        return state.startsWith("T") || state.startsWith("t");
    }

    boolean statdAnswers(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().network(), () -> RpcClient.answers(Firewall.STATD, RpcClient.STATD, 1));
    }

    /** What rpcbind does not know of all that it should; empty when it knows all. */
    String unregistered(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().network(), () -> new TreeMap<>(PROGRAMS).entrySet().stream()
                .filter(program -> RpcClient.port(program.getValue(), VERSIONS.get(program.getValue())) == 0)
                .map(Map.Entry::getKey).collect(Collectors.joining(", ")));
    }

    int threads(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().inside(), nfsd::threads);
    }

    void letGoOn(Daemon daemon) throws IOException {
        signal(daemon, ProcessCalls.SIGCONT);
    }

    void kill(Daemon daemon) throws IOException {
        signal(daemon, ProcessCalls.SIGKILL);
    }

    private void signal(Daemon daemon, int signal) throws IOException {
        try {
            node.kernel().kill(daemon.pid(), signal);
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
