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
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.net.RpcClient;
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
 * gives a running lockd or nfsd a grace period. Services that come together have one restart. All that may fail or hang is done
 * before nfsd is stopped; from then on a thread of its own goes on, whoever gives up waiting, until nfsd runs again.
 * Thread-safe.
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
    /** For one attempt to stop or start nfsd. */
    private static final Duration ATTEMPT = Duration.ofSeconds(60);
    private static final int ATTEMPTS = 5;
    private static final String TABLE = "table inet gracekeeper_restart";
    /** Also a part of a unit's name; no service's can begin so. */
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
    private final RestartGate gate;
    private final HostNotifier notifier;
    private final DurableFiles files;
    private final Path directory;
    private final Duration quiet;
    private final Object rounds = new Object();
    private Round gathering;

    /**
     * @param directory below /run, the restart's own: what a helper that is killed in the middle leaves for the next one
     * @param quiet usually {@link #QUIET}
     */
    ServerRestart(Node node, NfsdFs nfsd, LockdFs lockd, NodeLockd nodeLockd, Registry registry, NfsServers servers,
            Holdings holdings, NlmRelease nlm, SharedRecordsLayer records, RestartGate gate, HostNotifier notifier,
            DurableFiles files, Path directory, Duration quiet) {
        this.node = node;
        this.nfsd = nfsd;
        this.lockd = lockd;
        this.nodeLockd = nodeLockd;
        this.registry = registry;
        this.servers = servers;
        this.holdings = holdings;
        this.nlm = nlm;
        this.records = records;
        this.gate = gate;
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
     * What is known before nfsd is stopped.
     *
     * @param lockdToo whether lockd restarts too; not where the node has mounts over NFSv3 of its own
     * @param clients who may reclaim afterwards
     * @param scope the nodename under which nfsd starts; null for the node's own
     */
    private record Plan(int threads, boolean lockdToo, List<byte[]> clients, String scope, List<Path> nlmPaths,
            List<RunningService> sharing) {}

    /**
     * For a service that starts: returns when nfsd has restarted since, and knows the service's NFSv4 clients. Where nobody is
     * known who would reclaim, nothing is done.
     *
     * @throws IOException nfsd does not run, or cannot get a grace period here
     */
    void join(Operation operation) throws IOException, InterruptedException {
        ServiceName name = operation.instance().name();
        if (SharedRecordsLayer.clients(operation.state()).isEmpty() && names(operation.state().nsm()).isEmpty()) {
            operation.info("nobody has anything to reclaim: the node's nfsd goes on");
            return;
        }
        Round round;
        synchronized (rounds) {
            if (gathering == null) {
                Round fresh = new Round();
                gathering = fresh;
                background("gathering for a restart of nfsd", () -> run(fresh));
            }
            round = gathering;
            round.members.put(name, operation);
            round.last = System.nanoTime();
        }
        try {
            await(round.done, operation.deadline());
        } finally {
            synchronized (rounds) {
                round.members.remove(name);
            }
        }
    }

    /** For a stop that can release what it has to in no other way: at once. */
    void now(Operation operation) throws IOException, InterruptedException {
        CompletableFuture<Void> done = new CompletableFuture<>();
        background("restart of nfsd", () -> complete(done, () -> restart(List.of(operation), List.of(), false)));
        await(done, operation.deadline());
    }

    private static void background(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void complete(CompletableFuture<Void> done, Step step) {
        try {
            step.run();
            done.complete(null);
        } catch (Throwable e) { // whatever it is, somebody waits for it
            done.completeExceptionally(e);
        }
    }

    private static void await(CompletableFuture<Void> done, Deadline deadline) throws IOException, InterruptedException {
        try {
            done.get(deadline.remaining().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException("restart of nfsd: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("nfsd had not restarted when the action's time was over; that goes on: raise the timeout", e);
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
        complete(round.done, () -> {
            try {
                List<Operation> members = await(round);
                if (!members.isEmpty()) {
                    restart(members, members, true);
                }
            } finally {
                synchronized (rounds) {
                    gathering = gathering == round ? null : gathering;
                }
            }
        });
    }

    private List<Operation> await(Round round) throws IOException, InterruptedException {
        while (true) {
            Set<ServiceName> members;
            synchronized (rounds) {
                members = Set.copyOf(round.members.keySet());
            }
            boolean others = othersStart(members);
            synchronized (rounds) {
                long now = System.nanoTime();
                boolean all = now - round.last >= quiet.toNanos() && !others;
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
        return shared().stream().anyMatch(service -> !members.contains(service.config().name())
                && service.config().shared().orElseThrow().restart() && service.startedAt() == 0 && !service.stopping());
    }

    /**
     * Finishes what a helper began that was killed, or what failed: nfsd that was stopped is started. Does nothing otherwise.
     *
     * @throws IOException it does not start
     */
    void finish() throws IOException, InterruptedException {
        gate.restart(() -> {
            if (Files.exists(threadsFile())) {
                LOG.log(System.Logger.Level.WARNING, "nfsd was stopped for a restart that did not end: going on with it");
                start(Integer.parseInt(Files.readString(threadsFile()).strip()), scope(List.of()));
                reclaiming(open());
                tell(open());
            }
        });
    }

    /** Nobody has anything to reclaim any more: who had to be told is forgotten. */
    void recovered() throws IOException, InterruptedException {
        if (Files.exists(kept()) && !inGrace()) {
            files.deleteTree(kept());
        }
    }

    /** @param grace whether lockd has to get one, or there is no use in it */
    private void restart(List<Operation> asking, List<Operation> arriving, boolean grace) throws IOException, InterruptedException {
        gate.restart(() -> {
            Plan plan = plan(arriving, grace);
            asking.forEach(operation -> operation.info("restarting the node's nfsd: all of its clients reclaim, and new locks"
                    + " wait meanwhile"));
            nodeLockd.untouched(() -> {
                try {
                    stop(plan);
                } finally {
                    if (Files.exists(threadsFile())) {
                        start(plan.threads(), plan.scope());
                    }
                }
            });
            reclaiming(plan.sharing());
            if (plan.lockdToo()) {
                tell(plan.sharing());
            }
        });
    }

    private Plan plan(List<Operation> arriving, boolean grace) throws IOException, InterruptedException {
        if (!serverRuns()) {
            throw new IOException("the node's own nfsd does not run: start nfs-server.service");
        }
        boolean lockdToo = ownMounts().isEmpty();
        if (grace && !lockdToo) {
            throw new IOException("this node has mounts over NFSv3 itself (" + ownMounts().get(0) + "), which keep lockd running:"
                    + " it cannot get a grace period; unmount them, mount over NFSv4, or use grace=none");
        }
        List<RunningService> sharing = open();
        for (RunningService service : sharing) {
            try {
                Bounded.run("records of " + service.config().name(), LIMIT, () -> records.gatherNow(service));
            } catch (IOException e) {
                // As they were at its last monitor, then: one service's storage must not keep the others waiting.
                LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
            }
        }
        keepRecords();
        return new Plan(node.in(Namespaces.HOST, nfsd::threads), lockdToo, clients(arriving), scope(arriving), nlmPaths(lockdToo),
                sharing);
    }

    private void stop(Plan plan) throws IOException, InterruptedException {
        files.write(threadsFile(), Integer.toString(plan.threads()).getBytes(StandardCharsets.US_ASCII));
        shutDoors();
        node.in(Namespaces.HOST, () -> node.run(Deadline.after(ATTEMPT), "rpc.nfsd", "0"));
        for (Path path : plan.nlmPaths()) {
            nlm.release(path);
        }
        try {
            recordClients(plan.clients());
        } catch (IOException e) {
            LOG.log(System.Logger.Level.ERROR, "NFSv4 clients that are new to this node cannot reclaim: " + e.getMessage());
        }
    }

    /** As often as it takes, within reason: without it nobody is served. */
    private void start(int threads, String scope) throws IOException, InterruptedException {
        IOException last = null;
        for (int i = 0; i < ATTEMPTS && !serverRuns(); i++) {
            try {
                // The kernel takes the scope from the nodename of who starts the threads.
                node.in(Namespaces.HOST, scope, () -> node.run(Deadline.after(ATTEMPT), "rpc.nfsd", Integer.toString(threads)));
            } catch (IOException e) {
                last = e;
                Thread.sleep(PAUSE_MILLIS * (i + 1));
            }
        }
        if (!serverRuns()) {
            throw new IOException("the node's own nfsd does not start again: see the kernel's log, and 'rpc.nfsd " + threads + "'",
                    last);
        }
        openDoors();
        files.deleteTree(threadsFile());
    }

    /**
     * While nfsd stops, lockd still serves when NFSv4 state is gone already, and somebody could get a lock that is to be
     * reclaimed.
     */
    private void shutDoors() throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            String tcp = ports(RpcClient.NFS_PORT, RpcClient.port(RpcClient.LOCKD, 4));
            String udp = ports(RpcClient.udpPort(RpcClient.LOCKD, 4));
            String rules = TABLE + "\ndelete " + TABLE + "\n" + TABLE + " {\nchain input {\ntype filter hook input priority -10;\n"
                    + "tcp dport { " + tcp + " } drop\n" + (udp.isEmpty() ? "" : "udp dport { " + udp + " } drop\n") + "}\n}\n";
            return node.commands().run(LIMIT, rules, List.of("nft", "-f", "-"));
        });
    }

    private static String ports(int... ports) {
        return String.join(", ", Arrays.stream(ports).filter(port -> port > 0).mapToObj(Integer::toString).toList());
    }

    private void openDoors() throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> node.commands().run(
                LIMIT, TABLE + "\ndelete " + TABLE + "\n", List.of("nft", "-f", "-")));
    }

    private void reclaiming(List<RunningService> sharing) throws IOException {
        double now = node.bootSeconds();
        for (RunningService service : sharing) {
            try {
                registry.update(service.config().name(), s -> s.withRecovering(now));
            } catch (IOException e) {
                LOG.log(System.Logger.Level.INFO, "restart of nfsd: " + e.getMessage()); // it has just stopped
            }
        }
    }

    /** Never without grace: hosts would try to reclaim, be refused, and forget their locks. */
    private void tell(List<RunningService> sharing) throws IOException, InterruptedException {
        if (node.in(Namespaces.HOST, lockd::graceEnded)) {
            return;
        }
        List<InetAddress> services = sharing.stream().flatMap(s -> s.config().addresses().stream()).map(InetPrefix::address)
                .toList();
        List<InetAddress> addresses = new ArrayList<>(services);
        node.in(Namespaces.HOST, new LocalAddresses(node.kernel())::read).stream()
                .filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress() && !a.isMulticastAddress()
                        && !a.isAnyLocalAddress() && !services.contains(a))
                .sorted((a, b) -> a.getHostAddress().compareTo(b.getHostAddress())).forEach(addresses::add);
        List<String> told = notifier.begin(NODE, kept(), addresses, NsmState.beyondCounting(Instant.now()),
                Deadline.after(ATTEMPT), problem -> LOG.log(System.Logger.Level.ERROR, "restart of nfsd: " + problem));
        if (!told.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "nfsd has restarted: notifying " + String.join(", ", told));
        }
    }

    /** Those on this node; one whose record cannot be read is no reason to keep the others from anything. */
    private List<RunningService> shared() throws IOException {
        List<RunningService> found = new ArrayList<>();
        for (ServiceName name : registry.names()) {
            try {
                registry.load(name).filter(service -> service.config().isShared()).ifPresent(found::add);
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "service " + name + ": " + e.getMessage());
            }
        }
        return found;
    }

    /** Those that clients have come to, also while they stop. */
    private List<RunningService> open() throws IOException {
        return shared().stream().filter(RunningService::opened).toList();
    }

    /** What the services want, which is the same for all; null for the node's own name. */
    private String scope(List<Operation> arriving) throws IOException {
        return Stream.concat(arriving.stream().map(Operation::service), open().stream()).map(s -> s.config().scope())
                .filter(scope -> !scope.isEmpty()).findFirst().orElse(null);
    }

    /**
     * All that have something to reclaim: those of arriving services, and all that nfsd has, since it records no NFSv4.0 client
     * again that has reclaimed (fs/nfsd/nfs4proc.c, nfs4state.c).
     */
    private List<byte[]> clients(List<Operation> arriving) throws IOException, InterruptedException {
        Set<String> clients = new TreeSet<>();
        for (Operation operation : arriving) {
            clients.addAll(SharedRecordsLayer.clients(operation.state()));
        }
        for (Nfs4Client client : node.in(Namespaces.HOST, nfsd::clients)) {
            if (client.holdsState()) {
                clients.add(HexFormat.of().formatHex(client.ownerId()));
            }
        }
        return clients.stream().map(HexFormat.of()::parseHex).toList();
    }

    /** So that it lets them reclaim: nfsdcld hands its list to nfsd when that starts. */
    private void recordClients(List<byte[]> clients) throws IOException {
        Path database = MountNamespace.NFS_STATE.resolve("nfsdcld").resolve("main.sqlite");
        if (!clients.isEmpty()) {
            if (!Files.exists(database)) {
                throw new IOException("this node has no " + database + ": is nfsdcld.service running?");
            }
            new NfsdcldDb(database).recordForRecovery(clients);
        }
    }

    /** Before 6.3 nfsd's stop leaves NLM locks as long as anything else on the node uses lockd, a service of its own for one. */
    private List<Path> nlmPaths(boolean lockdToo) throws IOException, InterruptedException {
        List<Path> paths = new ArrayList<>();
        if (lockdToo && KernelVersion.parse(node.kernelRelease()).unlockFilesystemIsNlmOnly()) {
            List<NfsServers.Server> all = servers.all();
            MountTable mounts = servers.mounts();
            for (DeviceId device : holdings.nlmDevices()) {
                if (!NfsServers.isServices(device, all)) {
                    mounts.whole(device).ifPresent(mount -> paths.add(mount.point()));
                }
            }
        }
        return paths;
    }

    /** What this node has mounted over NFSv3 in its own network namespace. */
    private List<String> ownMounts() throws IOException {
        String text = new String(node.kernel().read(Path.of("/proc/1/mounts"), 4 << 20), StandardCharsets.UTF_8);
        return text.lines().map(line -> line.split(" ")).filter(f -> f.length > 3 && f[2].equals("nfs")
                && f[3].contains("vers=3")).map(f -> f[1]).toList();
    }

    /** Added to those of a restart before, as long as they may reclaim; and for statd's own notification, should the node boot. */
    private void keepRecords() throws IOException {
        NsmRecords nsm = new NsmRecords(files);
        Files.createDirectories(kept());
        for (String name : List.of("sm", "sm.bak")) {
            Path from = SharedRecordsLayer.statd().resolve(name);
            nsm.copy(names(from), from, kept());
        }
        Path bak = SharedRecordsLayer.statd().resolve("sm.bak");
        if (Files.isDirectory(bak)) {
            nsm.copy(names(kept()), kept(), bak);
        }
    }

    private List<String> names(Path records) throws IOException {
        return new NsmRecords(files).names(records);
    }

    private Path kept() {
        return directory.resolve("sm");
    }

    private Path threadsFile() {
        return directory.resolve("threads");
    }
}
