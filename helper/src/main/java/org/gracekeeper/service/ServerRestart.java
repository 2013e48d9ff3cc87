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
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.Namespaces;

/**
 * Restarts the node's own nfsd, so that all of its clients reclaim, with those of services that have just come: nothing else
 * gives a running lockd or nfsd a grace period. Services that come together have one restart. All that may fail or hang is done
 * before nfsd is stopped; from then on a thread of its own goes on, whoever gives up waiting, until nfsd runs again and its hosts
 * have been told. Thread-safe.
 */
final class ServerRestart {
    private static final System.Logger LOG = System.getLogger(ServerRestart.class.getName());
    /** Nobody else has come for so long; also between two attempts to start nfsd. */
    static final Duration PAUSE = Duration.ofSeconds(2);
    /** From the first that came, whoever else is on the way. */
    private static final Duration LONGEST = Duration.ofSeconds(15);
    private static final long POLL_MILLIS = 100;
    /** For what one service, or the database of clients, is asked. */
    private static final Duration LIMIT = Duration.ofSeconds(10);
    /** For one attempt to stop or start nfsd, or to tell hosts. */
    private static final Duration ATTEMPT = Duration.ofSeconds(30);
    private static final int ATTEMPTS = 5;
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
    private final SharedOwners owners;
    private final RestartState state;
    private final Path clientDatabase;
    private final Duration pause;
    private final ServerDoors doors;
    private final Object rounds = new Object();
    private Round gathering;
    private volatile double startedAt;

    /**
     * @param clientDatabase nfsdcld's, of the node
     * @param pause usually {@link #PAUSE}
     */
    ServerRestart(Node node, NfsdFs nfsd, LockdFs lockd, NodeLockd nodeLockd, Registry registry, NfsServers servers,
            Holdings holdings, NlmRelease nlm, SharedRecordsLayer records, RestartGate gate, HostNotifier notifier,
            SharedOwners owners, RestartState state, Path clientDatabase, Duration pause) {
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
        this.owners = owners;
        this.state = state;
        this.clientDatabase = clientDatabase;
        this.pause = pause;
        this.doors = new ServerDoors(node);
    }

    /**
     * A service that comes, with who has something to reclaim there.
     *
     * @param clients owners of NFSv4 clients, in hexadecimal
     * @param from where they were clients, see {@link SharedRecordsLayer#clientsFrom}
     * @param hosts whether there are NFSv3 hosts
     */
    private record Member(Operation operation, List<String> clients, String from, boolean hosts) {
        private boolean isEmpty() {
            return clients.isEmpty() && !hosts;
        }

        private SharedOwners.Arrival arrival() {
            return new SharedOwners.Arrival(operation.instance().name(), from, clients);
        }
    }

    /** The services that have one restart together. */
    private static final class Round {
        private final long begin = System.nanoTime();
        private final Map<ServiceName, Member> members = new LinkedHashMap<>();
        private final CompletableFuture<Void> served = new CompletableFuture<>();
        private long last;
    }

    /**
     * What is known before nfsd is stopped.
     *
     * @param recorded whether there are NFSv4 clients that may reclaim
     * @param nlmPaths where NLM locks are that the stop leaves
     * @param sharing services that clients have come to
     * @param number what NFSv3 hosts are told
     */
    private record Plan(RestartState.Unfinished start, boolean recorded, List<Path> nlmPaths, List<RunningService> sharing,
            NsmState number) {}

    /**
     * For a service that starts: returns when nfsd has restarted since, and knows the service's NFSv4 clients. Where nobody is
     * known who would reclaim, nothing is done.
     *
     * @throws IOException nfsd does not run, or cannot get a grace period here
     */
    void join(Operation operation) throws IOException, InterruptedException {
        ServiceName name = operation.instance().name();
        // Here, on its own thread: storage that hangs must not keep the others of the round waiting.
        Member member = member(operation);
        if (member.isEmpty()) {
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
            round.members.put(name, member);
            round.last = System.nanoTime();
        }
        try {
            await(round.served, operation.deadline());
        } finally {
            synchronized (rounds) {
                round.members.remove(name);
            }
        }
    }

    /** For a stop that can release what it has to in no other way: at once. */
    void now(Operation operation) throws IOException, InterruptedException {
        CompletableFuture<Void> served = new CompletableFuture<>();
        background("restart of nfsd", () -> complete(served, () -> restart(List.of(operation), List.of(), served)));
        await(served, operation.deadline());
    }

    /**
     * Finishes what a helper began that was killed, or what failed: nfsd that was stopped is started, its hosts are told. Does
     * nothing otherwise.
     *
     * @throws IOException it does not start, or not by the deadline; that goes on
     */
    void finish(Deadline deadline) throws IOException, InterruptedException {
        if (state.isUnfinished()) {
            CompletableFuture<Void> served = new CompletableFuture<>();
            background("end of a restart of nfsd", () -> complete(served, () -> finish(served)));
            await(served, deadline);
        }
    }

    private void finish(CompletableFuture<Void> served) throws IOException, InterruptedException {
        gate.restart(() -> {
            // As it is now: whoever had the gate may have finished it.
            Optional<RestartState.Unfinished> left = state.unfinished();
            if (left.isPresent()) {
                LOG.log(System.Logger.Level.WARNING, "a restart of nfsd did not end: going on with it");
                nodeLockd.untouched(() -> start(left.get()));
                List<RunningService> sharing = open();
                runsAgain(sharing, served);
                tellAnew(sharing);
                state.finished();
            }
        });
    }

    /**
     * To be asked just before a service's clients can come: the kernel's clocks run all the same, and whoever comes when grace is
     * over loses his locks.
     *
     * @throws OcfException (GENERIC) too little of it is left for those who have to reclaim. The next start begins anew
     */
    void requireGrace(Operation operation) throws IOException, OcfException, InterruptedException {
        Member member = member(operation);
        double over = node.bootSeconds() - startedAt;
        Optional<String> late = node.in(Namespaces.HOST, () -> tooShort(member, over));
        if (late.isPresent()) {
            throw new OcfException(OcfCode.GENERIC, String.format("service %s: %.0f s of %s were over before a client could come,"
                    + " so locks would be lost: the next start begins anew; see what holds up this node or its storage%s",
                    operation.instance().name(), over, late.get(), remedy(over)));
        }
    }

    /** The grace period that is over, or more than half over, in words. */
    private Optional<String> tooShort(Member member, double over) throws IOException {
        if (member.hosts() && (lockd.graceEnded() || over * 2 > lockd.graceTime())) {
            return Optional.of("NLM's grace period (" + lockd.graceTime() + " s)");
        }
        if (!member.clients().isEmpty() && (nfsd.v4GraceEnded() || over * 2 > nfsd.graceTime())) {
            return Optional.of("NFSv4's grace period (" + nfsd.graceTime() + " s)");
        }
        return Optional.empty();
    }

    /** rpc.nfsd reads it with each restart, and sets lockd's by it, too (nfs-utils, nfssvc_set_time). */
    private static String remedy(double over) {
        int needed = (int) Math.ceil(over * 2 / 10) * 10;
        return needed > NodeLockd.MAX_GRACE ? "" : "; if it is so each time, set grace-time=" + needed
                + " or more in section nfsd of /etc/nfs.conf, on all nodes";
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

    /** Where nobody has anything to reclaim any more, who had to be told is forgotten. */
    void recovered() throws IOException, InterruptedException {
        gate.tryLook(() -> {
            if (Files.exists(state.hosts()) && !state.isUnfinished() && !inGrace()) {
                state.forgetHosts(records.statd());
            }
        });
    }

    private Member member(Operation operation) throws IOException {
        StateDirectory directory = operation.state();
        return new Member(operation, SharedRecordsLayer.clients(directory), SharedRecordsLayer.clientsFrom(directory),
                records.hasHosts(directory));
    }

    private static void background(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void complete(CompletableFuture<Void> served, Step step) {
        try {
            step.run();
            served.complete(null);
        } catch (Throwable e) { // whatever it is, somebody waits for it
            if (!served.completeExceptionally(e)) {
                LOG.log(System.Logger.Level.ERROR, "restart of nfsd: " + e, e);
            }
        }
    }

    private static void await(CompletableFuture<Void> served, Deadline deadline) throws IOException, InterruptedException {
        try {
            served.get(deadline.remaining().toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException("restart of nfsd: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("nfsd had not restarted when the action's time was over; that goes on: raise the timeout", e);
        }
    }

    private void run(Round round) {
        complete(round.served, () -> {
            try {
                List<Member> members = await(round);
                if (!members.isEmpty()) {
                    restart(members.stream().map(Member::operation).toList(), members, round.served);
                }
            } finally {
                synchronized (rounds) {
                    gathering = gathering == round ? null : gathering;
                }
            }
        });
    }

    private List<Member> await(Round round) throws IOException, InterruptedException {
        while (true) {
            Set<ServiceName> members;
            synchronized (rounds) {
                members = Set.copyOf(round.members.keySet());
            }
            boolean others = othersStart(members);
            synchronized (rounds) {
                long now = System.nanoTime();
                boolean all = now - round.last >= pause.toNanos() && !others;
                if (all || now - round.begin >= LONGEST.toNanos() || round.members.isEmpty()) {
                    gathering = null;
                    return List.copyOf(round.members.values());
                }
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    /** Whether a service is on its way here that will want a restart, too. */
    private boolean othersStart(Set<ServiceName> members) throws IOException {
        return shared().stream().anyMatch(service -> !members.contains(service.config().name())
                && service.config().shared().orElseThrow().restart() && service.startedAt() == 0 && !service.stopping());
    }

    /**
     * @param asking those in whose names it is done
     * @param arriving those of them whose clients need grace; where there is none, nfsd only forgets
     * @param served is told when nfsd runs again: what comes then concerns others
     */
    private void restart(List<Operation> asking, List<Member> arriving, CompletableFuture<Void> served)
            throws IOException, InterruptedException {
        gate.restart(() -> {
            Plan plan = plan(arriving);
            asking.forEach(operation -> operation.info("restarting the node's nfsd: all of its clients reclaim, and new locks"
                    + " wait meanwhile"));
            nodeLockd.untouched(() -> stopAndStart(plan, !arriving.isEmpty()));
            verify(plan, asking);
            runsAgain(plan.sharing(), served);
            tell(plan.sharing(), plan.number());
            state.finished();
        });
    }

    private Plan plan(List<Member> arriving) throws IOException, InterruptedException {
        if (!serverRuns()) {
            throw new IOException("the node's own nfsd does not run: start nfs-server.service");
        }
        List<String> mounts = ownMounts();
        if (!mounts.isEmpty() && arriving.stream().anyMatch(Member::hosts)) {
            throw new IOException("this node has mounts over NFSv3 itself (" + mounts.get(0) + "), which keep lockd running:"
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
        state.keepHosts(records.statd());
        // Not when they are told: should the emergency stop have to do that, it takes what it finds.
        NsmState number = state.nextNumber(Instant.now());
        Set<String> holders = holders();
        tellMeetings(arriving, holders);
        boolean recorded = recordClients(arriving, holders);
        return new Plan(new RestartState.Unfinished(node.in(Namespaces.HOST, nfsd::threads), scope(arriving)), recorded,
                nlmPaths(mounts.isEmpty()), sharing, number);
    }

    private void stopAndStart(Plan plan, boolean doorsMatter) throws IOException, InterruptedException {
        state.begin(plan.start());
        Exception failed = null;
        boolean stopped = true;
        try {
            shutDoors(doorsMatter);
            node.in(Namespaces.HOST, () -> node.run(Deadline.after(ATTEMPT), "rpc.nfsd", "0"));
        } catch (IOException | InterruptedException | RuntimeException e) {
            failed = e;
            stopped = !runsForSure();
        }
        if (stopped) {
            releaseNlm(plan.nlmPaths());
        }
        start(plan.start());
        if (!stopped) {
            state.finished(); // nobody has lost anything, and nobody has to be told
            throw new IOException("nfsd was not restarted: " + failed.getMessage(), failed);
        }
        if (failed != null) {
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + failed.getMessage());
        }
    }

    private void shutDoors(boolean theyMatter) throws IOException, InterruptedException {
        try {
            doors.shut();
        } catch (IOException e) {
            if (theyMatter) {
                throw e;
            }
            // A stop: to have the node fenced would cost everybody more.
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: its ports stay open: " + e.getMessage());
        }
    }

    private boolean runsForSure() throws InterruptedException {
        try {
            return serverRuns();
        } catch (IOException e) {
            return false;
        }
    }

    /** One that cannot be released is reclaimed by the host that has it. */
    private void releaseNlm(List<Path> paths) throws InterruptedException {
        for (Path path : paths) {
            try {
                Bounded.run("release of the NLM locks on " + path, LIMIT, () -> nlm.release(path));
            } catch (IOException e) {
                LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
            }
        }
    }

    /** As often as it takes, within reason: without it nobody is served. */
    private void start(RestartState.Unfinished restart) throws IOException, InterruptedException {
        String threads = Integer.toString(restart.threads());
        IOException last = null;
        for (int i = 0; i < ATTEMPTS; i++) {
            try {
                if (!serverRuns()) {
                    // The kernel takes the scope from the nodename of who starts the threads.
                    node.in(Namespaces.HOST, restart.scope(), () -> node.run(Deadline.after(ATTEMPT), "rpc.nfsd", threads));
                    startedAt = node.bootSeconds();
                    state.forgetTold();
                }
                if (serverRuns()) {
                    doors.open();
                    return;
                }
            } catch (IOException e) {
                last = e;
            }
            Thread.sleep(pause.toMillis());
        }
        throw new IOException("the node's own nfsd does not start again, or its ports stay shut: see the kernel's log, 'rpc.nfsd "
                + threads + "' and 'nft list ruleset'", last);
    }

    /** Without a client tracker nfsd starts all the same, and refuses every NFSv4 reclaim. */
    private void verify(Plan plan, List<Operation> asking) {
        try {
            if (plan.recorded() && new NfsdcldDb(clientDatabase).epochs().recovery() == 0) {
                asking.forEach(operation -> operation.warn("nfsd did not find nfsdcld when it restarted, so NFSv4 clients cannot"
                        + " reclaim: see nfsdcld.service"));
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
        }
    }

    /** Those that were here before recover, too. From here on nothing is a reason for who asked for the restart to fail. */
    private void runsAgain(List<RunningService> sharing, CompletableFuture<Void> served) throws IOException {
        double now = node.bootSeconds();
        for (RunningService service : sharing) {
            try {
                registry.update(service.config().name(), s -> s.withRecovering(now));
            } catch (IOException e) {
                LOG.log(System.Logger.Level.INFO, "restart of nfsd: " + e.getMessage()); // it has just stopped
            }
        }
        served.complete(null);
    }

    private void tell(List<RunningService> sharing, NsmState number) throws IOException, InterruptedException {
        if (haveToBeTold()) {
            send(sharing, number);
        }
    }

    /**
     * For a restart that did not end. Some may have been told its number, by the helper before or by the emergency stop, and by
     * now of an nfsd that has ended: they would not heed it again. Nor is a unit that is just being killed sure to start, and
     * units are called by the number ({@link HostNotifier}). So it is another one.
     */
    private void tellAnew(List<RunningService> sharing) throws IOException, InterruptedException {
        if (haveToBeTold()) {
            send(sharing, state.nextNumber(Instant.now()));
        }
    }

    /** Never without grace: hosts would try to reclaim, be refused, and forget their locks. */
    private boolean haveToBeTold() throws IOException, InterruptedException {
        return !state.isTold() && !node.in(Namespaces.HOST, lockd::graceEnded);
    }

    private void send(List<RunningService> sharing, NsmState number) throws IOException, InterruptedException {
        List<String> told = notifier.begin(NODE, state.hosts(), addresses(sharing), number, Deadline.after(ATTEMPT),
                problem -> LOG.log(System.Logger.Level.ERROR, "restart of nfsd: " + problem));
        if (!told.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "nfsd has restarted: notifying " + String.join(", ", told));
        }
    }

    /** All that a host may know the node's server by, those of services first: it is not recorded which. */
    private List<InetAddress> addresses(List<RunningService> sharing) throws InterruptedException {
        Set<InetAddress> services = new LinkedHashSet<>();
        sharing.forEach(service -> service.config().addresses().stream().map(InetPrefix::address).forEach(services::add));
        List<InetAddress> addresses = new ArrayList<>();
        try {
            Set<InetAddress> here = node.in(Namespaces.HOST, new LocalAddresses(node.kernel())::read);
            services.stream().filter(here::contains).forEach(addresses::add);
            here.stream().filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress() && !a.isMulticastAddress()
                    && !a.isAnyLocalAddress() && !services.contains(a))
                    .sorted((a, b) -> a.getHostAddress().compareTo(b.getHostAddress())).forEach(addresses::add);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.ERROR, "restart of nfsd: hosts that know it by an address of the node's own are not"
                    + " told: " + e.getMessage());
            addresses.addAll(services);
        }
        return addresses;
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
    private String scope(List<Member> arriving) throws IOException {
        return Stream.concat(arriving.stream().map(member -> member.operation().service()), open().stream())
                .map(service -> service.config().scope()).filter(scope -> !scope.isEmpty()).findFirst().orElse(null);
    }

    /** The owners of the NFSv4 clients that nfsd has, in hexadecimal. */
    private Set<String> holders() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, nfsd::clients).stream().filter(Nfs4Client::holdsState)
                .map(client -> HexFormat.of().formatHex(client.ownerId())).collect(Collectors.toSet());
    }

    /** Of hosts that were two clients, and are one from now on. */
    private void tellMeetings(List<Member> arriving, Set<String> holders) {
        try {
            Map<ServiceName, Set<String>> meeting =
                    SharedOwners.meeting(arriving.stream().map(Member::arrival).toList(), holders, node.bootId());
            for (Member member : arriving) {
                ServiceName name = member.operation().instance().name();
                if (meeting.containsKey(name)) {
                    member.operation().warn(SharedOwners.text(meeting.get(name)));
                    owners.note(name, meeting.get(name));
                }
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: hosts that come from several nodes: " + e.getMessage());
        }
    }

    /**
     * Has nfsdcld hand them to nfsd when that starts: the clients of arriving services, and all that nfsd has, since it records
     * no NFSv4.0 client again that has reclaimed (fs/nfsd/nfs4proc.c, nfs4state.c).
     *
     * @return whether there are any
     */
    private boolean recordClients(List<Member> arriving, Set<String> holders) throws IOException, InterruptedException {
        Set<String> clients = new TreeSet<>();
        arriving.forEach(member -> clients.addAll(member.clients()));
        boolean matters = !clients.isEmpty();
        clients.addAll(holders);
        if (clients.isEmpty()) {
            return false;
        }
        List<byte[]> owners = new ArrayList<>(clients.stream().map(HexFormat.of()::parseHex).toList());
        owners.addAll(RecordsLayer.graceHolders(owners.size()));
        try {
            Bounded.run("record of NFSv4 clients", LIMIT, () -> {
                if (!Files.exists(clientDatabase)) {
                    throw new IOException("there is no " + clientDatabase + ": is nfsdcld.service running?");
                }
                new NfsdcldDb(clientDatabase).recordForNextStart(owners);
            });
        } catch (IOException e) {
            if (matters) {
                throw new IOException("NFSv4 clients that come with a service could not reclaim: " + e.getMessage(), e);
            }
            // All but NFSv4.0 clients that have reclaimed once the kernel has had recorded itself.
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
        }
        return true;
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

    /** What this node has mounted over NFSv3 itself, with locks that go to the server (fs/nfs/client.c, nfs_start_lockd). */
    private List<String> ownMounts() throws IOException {
        String text = new String(node.kernel().read(Path.of("/proc/1/mounts"), 4 << 20), StandardCharsets.UTF_8);
        return text.lines().map(line -> line.split(" ")).filter(f -> f.length > 3 && f[2].equals("nfs")
                && f[3].contains("vers=3") && !f[3].contains("local_lock=all")).map(f -> f[1]).toList();
    }
}
