// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.node.ServerDoors;
import org.gracekeeper.service.notify.HostNotifier;
import org.gracekeeper.service.release.FakeServers;
import org.gracekeeper.service.release.NlmLeftovers;
import org.gracekeeper.service.release.NlmRelease;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Sqlite;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Step;

/** A node whose own nfsd, of eight threads, can be restarted: what is done to it is recorded, and may fail. */
public final class FakeRestart {
    static final Duration PAUSE = Duration.ofMillis(300);
    static final Duration PATIENCE = Duration.ofSeconds(10);

    final LockdFs lockd = mock(LockdFs.class);
    /** What was done, in order. */
    public final List<String> done = Collections.synchronizedList(new ArrayList<>());
    /** Lines of the services' logs. */
    final List<String> said = Collections.synchronizedList(new ArrayList<>());
    public final List<String> scopes = Collections.synchronizedList(new ArrayList<>());
    /** What hosts were told, a number each time. */
    final List<NsmState> told = Collections.synchronizedList(new ArrayList<>());
    /** Services that are recorded on this node. */
    final List<RunningService> here = Collections.synchronizedList(new ArrayList<>());
    /** The counts of threads that rpc.nfsd fails for, and of which it says so although the kernel has done it. */
    volatile String refused = "";
    volatile String late = "";
    /** What comes before the ports are shut. */
    volatile Moment atDoors = () -> { };
    /** And when a service is recorded. */
    volatile Moment onRecord = () -> { };
    /** The last that nft was given. */
    volatile String rules = "";
    /** The file of the state number, and what nfsdcld had recorded, when nfsd stopped. */
    volatile NsmState numberAtStop;
    volatile Set<String> recordedAtStop = Set.of();

    interface Moment {
        void comes() throws IOException;
    }

    public final FakeServers fake;
    final Path number;
    final RestartState state;
    public final NodeServer server;
    final SharedServices services;
    final NodeGrace grace;
    final SharedRecordsLayer records;
    final RestartHosts hosts;
    final RestartClients clients;
    final RestartPlanner planner;
    final RestartCycle cycle;
    final ServerRestart restart;

    private final RestartGate gate = new RestartGate();
    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    private final Path dir;
    private final Path database;

    public FakeRestart(Path dir) throws Exception {
        this.dir = dir;
        database = dir.resolve("main.sqlite");
        number = dir.resolve("restart/state");
        fake = new FakeServers(dir);
        fake.threads(8);
        Files.writeString(fake.root.resolve("versions"), "+3 +4 +4.0 +4.1 +4.2\n");
        when(lockd.graceTime()).thenReturn(50);
        fakeNode();
        fakeRegistry();
        records = fakeRecords();
        state = new RestartState(files, dir.resolve("restart"));
        server = new NodeServer(fake.node, fake.nfsd);
        services = new SharedServices(fake.registry);
        grace = new NodeGrace(fake.node, fake.nfsd, lockd, server);
        hosts = new RestartHosts(fake.node, grace, records, fakeNotifier(), state);
        clients = new RestartClients(fake.node, fake.nfsd, new SharedOwners(dir.resolve("services"), files), state, database);
        NlmLeftovers leftovers = new NlmLeftovers(fake.node, fake.servers, fake.holdings, fakeRelease());
        planner = new RestartPlanner(server, services, records, hosts, clients, leftovers);
        cycle = new RestartCycle(server, new ServerDoors(fake.node), leftovers, state, PAUSE);
        NodeLockd nodeLockd = mock(NodeLockd.class);
        doAnswer(call -> {
            call.<Step>getArgument(0).run();
            return null;
        }).when(nodeLockd).untouched(any());
        restart = new ServerRestart(fake.node, nodeLockd, services, records, gate, planner, cycle, clients, hosts,
                state, PAUSE);
    }

    private void fakeNode() throws Exception {
        when(fake.node.in(any(), any(), any())).thenAnswer(call -> {
            if (call.getArgument(1) != null) {
                scopes.add(call.getArgument(1));
            }
            return call.<Callable<?>>getArgument(2).call();
        });
        when(fake.node.run(any(), any(String[].class))).thenAnswer(call -> rpcNfsd(call.getArgument(2)));
        when(fake.node.commands()).thenReturn((timeout, stdin, argv) -> {
            if (argv.get(0).equals("rpcinfo")) {
                return new CommandResult(argv, 0, "  100021 4 tcp6 ::.160.1 nlockmgr superuser\n", "", Duration.ZERO, false);
            }
            rules = stdin;
            if (stdin.contains("chain")) {
                atDoors.comes();
            }
            done.add(stdin.contains("chain") ? "doors shut" : "doors open");
            return new CommandResult(argv, 0, "", "", Duration.ZERO, false);
        });
        when(fake.node.bootSeconds()).thenReturn(100.0);
    }

    private void fakeRegistry() throws Exception {
        when(fake.registry.names()).thenAnswer(call -> here.stream().map(service -> service.config().name()).toList());
        when(fake.registry.load(any())).thenAnswer(call -> here.stream()
                .filter(service -> service.config().name().equals(call.getArgument(0))).findFirst());
        when(fake.registry.update(any(), any())).thenAnswer(call -> {
            RunningService now = call.<UnaryOperator<RunningService>>getArgument(1).apply(here.get(0));
            done.add(now.config().name() + " recovers: " + !now.recovered());
            return now;
        });
    }

    private SharedRecordsLayer fakeRecords() throws Exception {
        SharedRecordsLayer fakes = mock(SharedRecordsLayer.class);
        when(fakes.statd()).thenReturn(dir.resolve("statd"));
        when(fakes.hasHosts(any())).thenAnswer(
                call -> !new NsmRecords(files).names(call.<StateDirectory>getArgument(0).nsm()).isEmpty());
        doAnswer(call -> {
            done.add(call.<RunningService>getArgument(0).config().name() + " is recorded");
            onRecord.comes();
            return null;
        }).when(fakes).gatherNow(any());
        return fakes;
    }

    private HostNotifier fakeNotifier() throws Exception {
        HostNotifier notifier = mock(HostNotifier.class);
        when(notifier.begin(any(), any(), any(), any(), any(), any())).thenAnswer(call -> {
            told.add(call.getArgument(3));
            done.add("notified");
            return List.of();
        });
        return notifier;
    }

    private NlmRelease fakeRelease() throws Exception {
        NlmRelease release = mock(NlmRelease.class);
        doAnswer(call -> done.add("NLM: " + call.<Path>getArgument(0).getFileName())).when(release).release(any());
        return release;
    }

    private CommandResult rpcNfsd(String count) throws IOException {
        if (count.equals(refused)) {
            throw new IOException("no memory");
        }
        if (count.equals("0")) {
            recordedAtStop = Files.exists(database) ? new NfsdcldDb(database).reclaimers() : Set.of();
            numberAtStop = NsmState.read(number).orElse(null);
        }
        done.add("rpc.nfsd " + count);
        fake.threads(Integer.parseInt(count));
        if (count.equals(late)) {
            throw new IOException("took longer than it may");
        }
        return null;
    }

    /** With a host that may reclaim. */
    RunningService service(String name, String... more) throws Exception {
        Files.writeString(Files.createDirectories(dir.resolve(name).resolve("nsm")).resolve("192.0.2.7"), "x");
        List<String> parameters = new ArrayList<>(List.of("instance", "node", "grace", "restart"));
        parameters.addAll(List.of(more));
        return TestService.of(name, TestService.parameters(dir.resolve(name), parameters.toArray(String[]::new)));
    }

    Operation operation(String name, String... more) throws Exception {
        return TestService.operation(service(name, more), said);
    }

    /** With a host, and with NFSv4 clients by their owners. */
    ArrivingService arriving(String name, String from, String... owners) throws Exception {
        return new ArrivingService(operation(name), List.of(owners), from, true);
    }

    void createDatabase() throws Exception {
        Files.createFile(database);
        sql("CREATE TABLE parameters (key TEXT PRIMARY KEY, value TEXT);"
                + "CREATE TABLE grace (current INTEGER , recovery INTEGER);"
                + "INSERT OR FAIL INTO grace values (1, 0);"
                + "CREATE TABLE \"rec-0000000000000001\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "INSERT OR FAIL INTO parameters values (\"version\", \"4\");");
    }

    /** Of that database. */
    void sql(String statements) throws IOException {
        try (Sqlite db = Sqlite.open(database, false)) {
            db.exec(statements);
        }
    }

    /** What is recorded for nfsd's next start, in hexadecimal. */
    Set<String> recorded() throws IOException {
        return new NfsdcldDb(database).reclaimers();
    }

    /** What follows when nfsd serves again is waited for by nobody. */
    void awaitEnd() throws Exception {
        await(() -> done.contains("notified"));
        awaitFinished();
    }

    void awaitFinished() throws Exception {
        await(() -> !state.isUnfinished());
        gate.look(() -> { }); // what it works on is about to go with the test
    }

    void await(BooleanSupplier condition) throws Exception {
        Deadline deadline = Deadline.after(PATIENCE);
        while (!condition.getAsBoolean()) {
            assertFalse(deadline.passed(), done + " " + said);
            Thread.sleep(5);
        }
    }
}
