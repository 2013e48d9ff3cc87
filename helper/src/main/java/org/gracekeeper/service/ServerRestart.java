// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.Namespaces;

/**
 * Restarts the node's own nfsd, so that all of its clients reclaim, with those of services that have just come: nothing else
 * gives a running lockd or nfsd a grace period. Services that come together have one restart. Thread-safe.
 */
final class ServerRestart {
    private static final System.Logger LOG = System.getLogger(ServerRestart.class.getName());
    /** Nobody else has come for so long. */
    static final Duration QUIET = Duration.ofSeconds(2);
    /** From the first that came, whoever else is on the way. */
    private static final Duration LONGEST = Duration.ofSeconds(15);
    private static final long PAUSE_MILLIS = 100;
    /** For what one service is asked. */
    private static final Duration LIMIT = Duration.ofSeconds(10);
    /** Also a unit's name; no service's can begin so. */
    private static final String NODE = "_node";

    private final Node node;
    private final NfsdFs nfsd;
    private final LockdFs lockd;
    private final NodeLockd nodeLockd;
    private final Registry registry;
    private final NfsServers servers;
    private final Holdings holdings;
    private final NlmRelease nlm;
    private final SharedRecordsLayer records;
    private final HostNotifier notifier;
    private final DurableFiles files;
    private final Path directory;
    private final Duration quiet;
    private Round gathering;

    /**
     * @param directory below /run, the restart's own: what a helper that is killed in the middle leaves for the next one
     * @param quiet usually {@link #QUIET}
     */
    ServerRestart(Node node, NfsdFs nfsd, LockdFs lockd, NodeLockd nodeLockd, Registry registry, NfsServers servers,
            Holdings holdings, NlmRelease nlm, SharedRecordsLayer records, HostNotifier notifier, DurableFiles files,
            Path directory, Duration quiet) {
        this.node = node;
        this.nfsd = nfsd;
        this.lockd = lockd;
        this.nodeLockd = nodeLockd;
        this.registry = registry;
        this.servers = servers;
        this.holdings = holdings;
        this.nlm = nlm;
        this.records = records;
        this.notifier = notifier;
        this.files = files;
        this.directory = directory;
        this.quiet = quiet;
    }

    /** The services that have one restart together. */
    private static final class Round {
        private final long begin = System.nanoTime();
        private final Map<ServiceName, Operation> members = new LinkedHashMap<>();
        private final CompletableFuture<Void> done = new CompletableFuture<>();
        private long last;
    }

    /**
     * For a service that starts: returns when nfsd has restarted since, and knows the service's NFSv4 clients.
     *
     * @throws IOException nfsd does not run, or not again
     */
    void join(Operation operation) throws IOException, InterruptedException {
        ServiceName name = operation.instance().name();
        Round round;
        synchronized (this) {
            if (gathering == null) {
                Round fresh = new Round();
                gathering = fresh;
                Thread thread = new Thread(() -> run(fresh), "restart of nfsd");
                thread.setDaemon(true);
                thread.start();
            }
            round = gathering;
            round.members.put(name, operation);
            round.last = System.nanoTime();
        }
        try {
            round.done.get(operation.deadline().remaining().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException("restart of nfsd: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("nfsd had not restarted when the start's time was over: raise the start timeout", e);
        } finally {
            synchronized (this) {
                round.members.remove(name);
            }
        }
    }

    /** Whether the node's own nfsd has threads. */
    boolean serverRuns() throws IOException, InterruptedException {
        try {
            return node.in(Namespaces.HOST, nfsd::threads) > 0;
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT) {
                return false; // where its file system is not mounted, there is none
            }
            throw e;
        }
    }

    /** Whether it, or the node's lockd, refuses new locks. */
    boolean inGrace() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, () -> !lockd.graceEnded() || !nfsd.v4GraceEnded());
    }

    private void run(Round round) {
        try {
            List<Operation> members = await(round);
            if (!members.isEmpty()) {
                restart(members, members, members.get(0).deadline());
            }
            round.done.complete(null);
        } catch (IOException | InterruptedException | RuntimeException e) {
            round.done.completeExceptionally(e);
        }
    }

    private List<Operation> await(Round round) throws IOException, InterruptedException {
        while (true) {
            synchronized (this) {
                long now = System.nanoTime();
                boolean all = now - round.last >= quiet.toNanos() && !othersStart(round.members.keySet());
                if (all || now - round.begin >= LONGEST.toNanos() || round.members.isEmpty()) {
                    gathering = null;
                    return List.copyOf(round.members.values());
                }
            }
            Thread.sleep(PAUSE_MILLIS);
        }
    }

    /** Whether a service is on its way here that will want a restart, too. */
    private boolean othersStart(Set<ServiceName> members) throws IOException {
        return registry.others(null).stream().anyMatch(service -> !members.contains(service.config().name())
                && service.config().shared().map(shared -> shared.restart()).orElse(false)
                && service.startedAt() == 0 && !service.stopping());
    }

    /** For a stop that can release what it has to in no other way: at once. */
    void now(Operation operation) throws IOException, InterruptedException {
        restart(List.of(operation), List.of(), operation.deadline());
    }

    /** Ends what a helper began that was killed. */
    void resume() throws IOException, InterruptedException {
        if (Files.exists(threadsFile())) {
            LOG.log(System.Logger.Level.WARNING, "nfsd was being restarted when the helper ended: going on with that");
            start(List.of(), List.of(), Deadline.after(Duration.ofSeconds(60)));
        }
    }

    /** @param arriving of whose NFSv4 clients nothing is known here */
    private synchronized void restart(List<Operation> asking, List<Operation> arriving, Deadline deadline)
            throws IOException, InterruptedException {
        int threads = serverRuns() ? node.in(Namespaces.HOST, nfsd::threads) : 0;
        if (threads == 0) {
            throw new IOException("the node's own nfsd does not run: start nfs-server.service");
        }
        // All that recovers by them, should the node die in between: the stop of lockd makes statd forget everybody.
        for (RunningService service : sharing()) {
            try {
                Bounded.run("records of " + service.config().name(), LIMIT, () -> records.gather(service));
            } catch (IOException e) {
                // As they were at its last monitor, then: one service's storage must not keep the others waiting.
                LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
            }
        }
        keepRecords();
        files.write(threadsFile(), Integer.toString(threads).getBytes(StandardCharsets.US_ASCII));
        asking.forEach(operation -> operation.info("restarting the node's nfsd: all of its clients reclaim, and new locks wait"
                + " meanwhile"));
        nodeLockd.untouched(() -> {
            releaseNlm();
            node.in(Namespaces.HOST, () -> node.run(deadline, "rpc.nfsd", "0"));
            start(asking, arriving, deadline);
        });
    }

    /** From a server that is stopped, or not any more: after that all is as it was, and the hosts are told. */
    private void start(List<Operation> asking, List<Operation> arriving, Deadline deadline)
            throws IOException, InterruptedException {
        for (Operation operation : arriving) {
            recordClients(operation);
        }
        String threads = Files.readString(threadsFile()).strip();
        if (node.in(Namespaces.HOST, nfsd::threads) == 0) {
            // The kernel takes the scope from the nodename of who starts the threads.
            node.in(Namespaces.HOST, scope(asking), () -> node.run(deadline, "rpc.nfsd", threads));
        }
        if (node.in(Namespaces.HOST, nfsd::threads) == 0) {
            throw new IOException("the node's own nfsd does not start again: see the kernel's log, and 'rpc.nfsd " + threads + "'");
        }
        double now = node.bootSeconds();
        List<RunningService> sharing = sharing();
        for (RunningService service : sharing) {
            registry.update(service.config().name(), s -> s.withRecovering(now));
        }
        if (node.in(Namespaces.HOST, lockd::graceEnded) && !recordsKept().isEmpty()) {
            asking.forEach(operation -> operation.warn("lockd did not enter grace, as where this node has mounts over NFSv3"
                    + " itself: others may take NFSv3 locks before they are reclaimed"));
        }
        tell(sharing, deadline);
        files.deleteTree(directory);
    }

    /** What the services want, which is the same for all; null for the node's own name. */
    private String scope(List<Operation> asking) throws IOException {
        return Stream.concat(asking.stream().map(Operation::service), sharing().stream()).map(s -> s.config().scope())
                .filter(scope -> !scope.isEmpty()).findFirst().orElse(null);
    }

    private void tell(List<RunningService> sharing, Deadline deadline) throws IOException, InterruptedException {
        List<InetAddress> own = new ArrayList<>(node.in(Namespaces.HOST, new LocalAddresses(node.kernel())::read));
        own.removeIf(a -> a.isLoopbackAddress() || a.isLinkLocalAddress() || a.isMulticastAddress() || a.isAnyLocalAddress());
        for (RunningService service : sharing) {
            List<InetAddress> addresses = service.config().addresses().stream().map(InetPrefix::address).toList();
            own.removeAll(addresses);
        }
        own.sort((a, b) -> a.getHostAddress().compareTo(b.getHostAddress()));
        own.addAll(0, sharing.stream().flatMap(s -> s.config().addresses().stream()).map(InetPrefix::address).toList());
        List<String> told = notifier.begin(NODE, kept(), own, NsmState.beyondCounting(Instant.now()), deadline);
        if (!told.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "nfsd has restarted: notifying " + String.join(", ", told));
        }
    }

    /** Services that are served by the node's nfsd, and have been before the restart. */
    private List<RunningService> sharing() throws IOException {
        return registry.others(null).stream().filter(s -> s.config().isShared() && s.serving()).toList();
    }

    /** So that it lets them reclaim: nfsdcld hands its list to nfsd when that starts. */
    private void recordClients(Operation operation) throws IOException {
        List<byte[]> clients = SharedRecordsLayer.clients(operation.state()).stream().map(HexFormat.of()::parseHex).toList();
        Path database = MountNamespace.NFS_STATE.resolve("nfsdcld").resolve("main.sqlite");
        if (clients.isEmpty()) {
            return;
        }
        if (!Files.exists(database)) {
            operation.warn(clients.size() + " NFSv4 clients cannot reclaim: this node has no " + database
                    + ": is nfsdcld.service running?");
            return;
        }
        new NfsdcldDb(database).recordForRecovery(clients);
        operation.info(clients.size() + " NFSv4 clients may reclaim here");
    }

    /** Before 6.3 nfsd's stop leaves them as long as anything else on the node uses lockd. */
    private void releaseNlm() throws IOException, InterruptedException {
        if (!KernelVersion.parse(node.kernelRelease()).unlockFilesystemIsNlmOnly()) {
            return;
        }
        List<NfsServers.Server> all = servers.all();
        MountTable mounts = servers.mounts();
        for (DeviceId device : holdings.nlmDevices()) {
            if (!NfsServers.isServices(device, all)) {
                for (MountTable.Mount mount : mounts.whole(device).stream().collect(Collectors.toList())) {
                    nlm.release(mount.point());
                }
            }
        }
    }

    private void keepRecords() throws IOException {
        NsmRecords nsm = new NsmRecords(files);
        Files.createDirectories(kept());
        for (String name : List.of("sm", "sm.bak")) {
            Path from = SharedRecordsLayer.statd().resolve(name);
            nsm.copy(nsm.names(from), from, kept());
        }
    }

    private List<String> recordsKept() throws IOException {
        return new NsmRecords(files).names(kept());
    }

    private Path kept() {
        return directory.resolve("sm");
    }

    private Path threadsFile() {
        return directory.resolve("threads");
    }
}
