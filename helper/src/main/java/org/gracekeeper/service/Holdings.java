// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.ProcLocks;

/** What the clients of a service hold, as the kernel shows it. Stateless, thread-safe. */
final class Holdings {
    private enum Protocol { NLM, NFSV4, LOCAL }

    private final Node node;
    private final NfsdFs nfsd;
    private final ProcLocks locks;

    Holdings(Node node, NfsdFs nfsd) {
        this.node = node;
        this.nfsd = nfsd;
        this.locks = new ProcLocks(node.kernel(), Path.of("/proc/locks"));
    }

    /** Byte-range locks that are held, a line of /proc/locks each. */
    record Locks(List<Range> nlm, List<Range> v4) {}

    /** NFSv4 clients with what they hold. */
    List<Nfs4Client> clients(RunningService service) throws IOException, InterruptedException {
        return node.in(service.instance().inside(), nfsd::clients);
    }

    static List<HeldState> held(List<Nfs4Client> clients, FileSystems fileSystems) {
        return clients.stream().map(c -> HeldState.of(c, fileSystems)).filter(s -> !s.holdsNothing()).toList();
    }

    /** The service's file systems under names that hold on every node. */
    FileSystems fileSystems(RunningService service) throws IOException {
        Map<DeviceId, String> names = new HashMap<>();
        boolean complete = true;
        for (PlannedExport export : service.exports()) {
            DeviceId device = DeviceId.ofDevT(node.kernel().deviceOf(export.directory()));
            names.merge(device, export.path(), (a, b) -> a.compareTo(b) <= 0 ? a : b);
            complete &= export.clients().stream().noneMatch(c -> c.options().contains("crossmnt"));
        }
        return new FileSystems(names, complete);
    }

    /**
     * The service's locks, in a list that can be relied on.
     *
     * @return empty when the node's locks changed all the time, so that one may have been overlooked
     */
    Optional<Locks> locks(RunningService service, FileSystems fileSystems, Duration limit)
            throws IOException, InterruptedException {
        Optional<List<LockLine>> lines = locks.stable(
                line -> fileSystems.name(line.dev()).isPresent() && line.kind() == LockLine.Kind.POSIX && !line.waiter(),
                limit);
        if (lines.isEmpty()) {
            return Optional.empty();
        }
        Map<Integer, Protocol> protocols = new HashMap<>();
        List<Range> nlm = new ArrayList<>();
        List<Range> v4 = new ArrayList<>();
        for (LockLine line : lines.get()) {
            Protocol protocol = protocols.computeIfAbsent(line.pid(), Holdings::protocol);
            Range range = new Range(fileSystems.name(line.dev()).orElseThrow(), line.inode(), line.access(), line.start(),
                    line.end(), 1);
            if (protocol == Protocol.NLM) {
                nlm.add(range);
            } else if (protocol == Protocol.NFSV4) {
                v4.add(range);
            }
        }
        return Optional.of(new Locks(nlm, v4));
    }

    /** Everything of the NFS server's on the service's file systems in /proc/locks, delegations and waiters included. */
    List<LockLine> lines(RunningService service) throws IOException {
        return locks.read().stream()
                .filter(line -> service.devices().contains(line.dev()) && protocol(line.pid()) != Protocol.LOCAL)
                .toList();
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
