// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntBinaryOperator;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.Release;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.ProcLocks;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.StatFs;

/** What the clients of a service hold, as the kernel shows it. Stateless, thread-safe. */
public final class Holdings {
    /** One is not enough, see {@link ProcLocks#readings}. */
    private static final int READINGS = 3;

    private static final Comparator<LockLine> BY_FILE = Comparator.comparing((LockLine line) -> line.dev().toString())
            .thenComparing(LockLine::inode, Long::compareUnsigned).thenComparing(LockLine::waiter)
            .thenComparing(LockLine::start).thenComparing(LockLine::end).thenComparing(LockLine::access);

    private enum Protocol { NLM, NFSV4, LOCAL }

    private final Node node;
    private final NfsdFs nfsd;
    private final ProcLocks locks;

    public Holdings(Node node, NfsdFs nfsd, ProcLocks locks) {
        this.node = node;
        this.nfsd = nfsd;
        this.locks = locks;
    }

    /** Byte-range locks that are held, a line of /proc/locks each. */
    public record Locks(List<Range> nlm, List<Range> v4) {}

    /**
     * NFSv4 clients with what they hold, elsewhere too. Of an nfsd that serves others as well, those that have state on the
     * service's file systems.
     */
    public List<Nfs4Client> clients(RunningService service) throws IOException, InterruptedException {
        List<Nfs4Client> all = node.in(service.inside(), nfsd::clients);
        return service.config().isShared() ? all.stream().filter(client -> client.states().stream()
                .anyMatch(state -> !state.revoked() && service.devices().contains(state.device()))).toList() : all;
    }

    public static List<HeldState> states(List<Nfs4Client> clients, FileSystems fileSystems) {
        return clients.stream().map(c -> HeldState.of(c, fileSystems)).toList();
    }

    /** The service's file systems under names that hold on every node. */
    FileSystems fileSystems(RunningService service) throws IOException {
        Map<DeviceId, String> names = new HashMap<>();
        boolean complete = true;
        for (PlannedExport export : service.exports()) {
            DeviceId device = DeviceId.ofDevT(node.kernel().deviceOf(export.directory()));
            names.merge(device, export.path(), (a, b) -> a.compareTo(b) <= 0 ? a : b);
            complete &= !export.crossesMounts()
                    // Another one is mounted there by now.
                    && service.devices().contains(device)
                    // Locks have the number of the file system, a directory that of its subvolume.
                    && node.kernel().statfs(export.directory()).type() != StatFs.BTRFS_SUPER_MAGIC;
        }
        return new FileSystems(names, complete);
    }

    /** The locks there, with those that only one of several readings had: none is left out. */
    Locks allLocks(FileSystems fileSystems) throws IOException {
        return locks(fileSystems, Math::max);
    }

    /** The locks there, as far as all of several readings had them: none is there twice. */
    public Locks certainLocks(FileSystems fileSystems) throws IOException {
        return locks(fileSystems, Math::min);
    }

    private Locks locks(FileSystems fileSystems, IntBinaryOperator merge) throws IOException {
        Map<LockLine, Integer> lines = merged(
                fileSystems.names().keySet(), line -> line.kind() == LockLine.Kind.POSIX && !line.waiter(), merge);
        Map<Integer, Protocol> protocols = new HashMap<>();
        List<Range> nlm = new ArrayList<>();
        List<Range> v4 = new ArrayList<>();
        lines.forEach((line, depth) -> {
            Protocol protocol = protocols.computeIfAbsent(line.pid(), Holdings::protocol);
            if (protocol != Protocol.LOCAL) {
                (protocol == Protocol.NLM ? nlm : v4).add(new Range(fileSystems.name(line.dev()).orElseThrow(),
                        line.inode(), line.access(), line.start(), line.end(), depth));
            }
        });
        return new Locks(nlm, v4);
    }

    /** How often each line is there, by several readings; never 0. */
    private Map<LockLine, Integer> merged(Collection<DeviceId> devices, Predicate<LockLine> wanted, IntBinaryOperator merge)
            throws IOException {
        List<Map<LockLine, Integer>> readings = locks.readings(devices, wanted, READINGS);
        Set<LockLine> lines = new HashSet<>();
        readings.forEach(reading -> lines.addAll(reading.keySet()));
        Map<LockLine, Integer> depths = new HashMap<>();
        for (LockLine line : lines) {
            depths.put(line, readings.stream().mapToInt(r -> r.getOrDefault(line, 0)).reduce(merge).orElse(0));
        }
        depths.values().removeIf(depth -> depth == 0);
        return depths;
    }

    /**
     * NLM locks, and requests that wait for one, on these file systems: each as often as it is there, sorted, and none left
     * out that is there all the time.
     */
    public List<LockLine> nlmLines(Collection<DeviceId> devices) throws IOException {
        return lines(devices, Protocol.NLM);
    }

    /** Byte-range locks of NFSv4 clients there, in the same way. */
    public List<LockLine> nfs4Lines(Collection<DeviceId> devices) throws IOException {
        return lines(devices, Protocol.NFSV4);
    }

    private List<LockLine> lines(Collection<DeviceId> devices, Protocol protocol) throws IOException {
        Map<Integer, Protocol> protocols = new HashMap<>();
        List<LockLine> lines = new ArrayList<>();
        merged(devices, line -> protocols.computeIfAbsent(line.pid(), Holdings::protocol) == protocol
                && line.kind() == LockLine.Kind.POSIX, Math::max)
                .forEach((line, depth) -> lines.addAll(Collections.nCopies(depth, line)));
        lines.sort(BY_FILE);
        return lines;
    }

    /** The file systems that have NLM locks, or requests that wait for one. */
    public Set<DeviceId> nlmDevices() throws IOException {
        return nlmDevices(line -> true);
    }

    /** Those that have requests that wait. */
    public Set<DeviceId> nlmWaiterDevices() throws IOException {
        return nlmDevices(LockLine::waiter);
    }

    private Set<DeviceId> nlmDevices(Predicate<LockLine> wanted) throws IOException {
        Map<Integer, Protocol> protocols = new HashMap<>();
        return locks.read().stream().filter(wanted)
                .filter(line -> protocols.computeIfAbsent(line.pid(), Holdings::protocol) == Protocol.NLM)
                .map(LockLine::dev).collect(Collectors.toSet());
    }

    /** Everything of the NFS server's on the service's file systems in /proc/locks, delegations and waiters included. */
    public List<LockLine> lines(RunningService service) throws IOException {
        Map<Integer, Protocol> protocols = new HashMap<>();
        return locks.read(service.devices(),
                line -> protocols.computeIfAbsent(line.pid(), Holdings::protocol) != Protocol.LOCAL);
    }

    /** Whether the server has neither a lock nor an NFSv4 client. */
    public boolean isEmpty(RunningService service) throws IOException, InterruptedException {
        return lines(service).isEmpty() && clients(service).isEmpty();
    }

    /** How many byte-range locks NFSv3 hosts hold on the service's file systems, an owner's adjacent ranges being one. */
    public int nlmLocks(RunningService service) throws IOException {
        Map<Integer, Protocol> protocols = new HashMap<>();
        return locks.read(service.devices(), line -> line.kind() == LockLine.Kind.POSIX && !line.waiter()
                && protocols.computeIfAbsent(line.pid(), Holdings::protocol) == Protocol.NLM).size();
    }

    /** @throws IOException the NFS server still has something on the service's file systems */
    public void requireNone(RunningService service) throws IOException {
        int held = lines(service).size();
        if (held > 0) {
            throw new IOException(held + " locks of NFS clients are still held on the exported file systems");
        }
    }

    /** @throws IOException an NFSv4 client of its nfsd has state on the service's file systems: a file that is open holds them */
    public void requireNoState(RunningService service) throws IOException, InterruptedException {
        Release left = Release.of(Set.copyOf(service.devices()), List.of(), List.of(), clients(service));
        if (!left.isEmpty()) {
            throw new IOException(left.size() + " opens and locks of NFSv4 clients are still there on the exported file systems");
        }
    }

    /**
     * Who holds a lock or waits for it. The pid is that of lockd or of an nfsd thread (fs/lockd/svclock.c,
     * fs/nfsd/nfs4state.c). An nfsd thread may have ended while its lock is still there; lockd's locks go with it.
     */
    private static Protocol protocol(int pid) {
        if (pid <= 0) {
            return Protocol.LOCAL;
        }
        Path proc = Path.of("/proc", Integer.toString(pid));
        try {
            return switch (Files.readString(proc.resolve("comm")).strip()) {
                case "lockd" -> Protocol.NLM;
                case "nfsd" -> Protocol.NFSV4;
                default -> Protocol.LOCAL;
            };
        } catch (IOException e) {
            return Files.exists(proc) ? Protocol.LOCAL : Protocol.NFSV4;
        }
    }
}
