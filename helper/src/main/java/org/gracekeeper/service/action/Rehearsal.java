// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LockCoverage;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.ProcLocks;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Processes;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Sqlite;
import org.gracekeeper.timeline.Event;
import org.gracekeeper.timeline.Phase;

/**
 * A recovery of made-up clients, in files of its own, gone through some times before the first real one; and the programs
 * that a start executes, read from the disk with their libraries.
 *
 * <p>Java loads code when it is first used, and interprets it until it has been used some hundred times. A recovery is
 * rare, and its looks decide how long every client waits: without this the first look of a helper took seconds where a
 * later one takes tenths. Beyond that it shows that what recovery needs is there, as SQLite's library. Not thread-safe.
 */
public final class Rehearsal {
    /** Asked for their usage, which none of them has to do anything for. */
    private static final List<String> PROGRAMS = Stream.of(
            HostResolver.TOOLS, HostResolver.NFS3_TOOLS, List.of("flock")).flatMap(List::stream).toList();
    private static final Duration USAGE = Duration.ofSeconds(5);
    private static final int ROUNDS = 20;
    private static final int LOCKS = 20;
    private static final DeviceId DEVICE = new DeviceId(0xfff, 0xfffff);
    private static final String PATH = "/srv/rehearsal";
    /** No process ever has it (PID_MAX_LIMIT of include/linux/threads.h): as of an nfsd thread that has ended. */
    private static final int NOBODY = 4 << 20;
    private static final String OWNER = "Linux NFSv4.0 rehearsal";

    private final Node node;
    private final Systemd systemd;
    private final DurableFiles files;
    private final RecordsLayer records;
    private final Path root;

    /** @param root a directory that is made, and removed again; not on storage, nothing of it has to last */
    public Rehearsal(Node node, Systemd systemd, DurableFiles files, RecordsLayer records, Path root) {
        this.node = node;
        this.systemd = systemd;
        this.files = files;
        this.records = records;
        this.root = root;
    }

    /** Brings the programs into the page cache, and what it takes to ask systemd. One that is missing is the start's affair. */
    public void loadPrograms() throws IOException {
        systemd.rehearse();
        for (String program : PROGRAMS) {
            if (node.hasTool(program)) {
                node.commands().run(USAGE, null, List.of(Processes.command(program), "--help"));
            }
        }
        if (node.hasTool("nft")) {
            // Changes nothing, but has the kernel load its modules.
            node.commands().run(USAGE, Firewall.table(true), List.of("nft", "--check", "-f", "-"));
        }
    }

    /** @throws IOException a file could not be written or read, or the outcome is not what it must be */
    public void run() throws IOException, InterruptedException {
        files.deleteTree(root);
        try {
            StateDirectory state = new StateDirectory(root.resolve("state"));
            Path nfsd = root.resolve("nfsd");
            Path locks = root.resolve("locks");
            write(state, nfsd, locks);
            for (int i = 0; i < ROUNDS; i++) {
                round(state, new NfsdFs(node.kernel(), nfsd), new ProcLocks(node.kernel(), locks));
            }
        } finally {
            files.deleteTree(root);
        }
    }

    private void round(StateDirectory state, NfsdFs nfsd, ProcLocks locks) throws IOException, InterruptedException {
        FileSystems fileSystems = new FileSystems(Map.of(DEVICE, PATH), true);
        Holdings holdings = new Holdings(node, nfsd, locks);
        List<Nfs4Client> clients = nfsd.clients();
        List<HeldState> held = Holdings.states(clients, fileSystems);
        Holdings.Locks ranges = holdings.certainLocks(fileSystems);
        NfsdcldDb database = new NfsdcldDb(state.clientDatabase());
        database.record(clients.stream().map(Nfs4Client::ownerId).toList());
        // As many locks of NFSv3 as there are of NFSv4: the kernel's list tells them apart by living processes only.
        Ledger ledger = new Ledger("rehearsal", 1, "rehearsal", 90, 90, "", "", ranges.v4(), ranges.v4(), held);
        LedgerStore ledgers = new LedgerStore(files);
        ledgers.write(state, ledger);
        Optional<Ledger> stored = ledgers.stored(state);
        recordTimes(state);
        Set<String> recorded = database.recovery().complete();
        List<String> hosts = records.recoverySet(state);
        RecoveryDecision none = decide(stored, hosts, LockCoverage.NONE, recorded, List.of());
        RecoveryDecision all = decide(stored, hosts, LockCoverage.NONE.max(LockCoverage.of(ranges.v4())), recorded, held);
        if (none.endNlm() || none.endV4() || none.missing().size() != 2 || !all.endNlm() || !all.endV4()) {
            throw new IOException("recovery was rehearsed with a wrong outcome: " + none + ", " + all);
        }
    }

    /** Within the outage, too. */
    private void recordTimes(StateDirectory state) throws IOException {
        TimelineStore times = new TimelineStore(root.resolve("timelines"), files);
        ServiceName name = new ServiceName("rehearsal");
        times.begin(name);
        times.append(name, new Event(Event.Kind.STOP, "rehearsal", "", 1, 2, ""));
        times.handOn(state, name, 1, Phase.events(Phase.of(times.own(name).events())));
        if (times.handed(state, name, 1).events().size() != 1) {
            throw new IOException("a stop was recorded with a wrong outcome: " + times.handed(state, name, 1));
        }
    }

    private static RecoveryDecision decide(Optional<Ledger> ledger, List<String> hosts, LockCoverage seen,
            Set<String> recorded, List<HeldState> clients) {
        return RecoveryDecision.of(new RecoveryDecision.Observed(
                true, true, 90, true, ledger, hosts, seen, recorded, Set.of(), clients, seen));
    }

    /** In the kernel's and in nfsdcld's own formats. */
    private void write(StateDirectory state, Path nfsd, Path locks) throws IOException {
        StringBuilder lines = new StringBuilder();
        StringBuilder states = new StringBuilder();
        for (int i = 1; i <= LOCKS; i++) {
            lines.append(String.format("%d: POSIX  ADVISORY  WRITE %d fff:fffff:%d %d %d%n", i, NOBODY, i, i, i + 9));
            for (String type : List.of("open, access: rw, deny: --", "lock")) {
                states.append(String.format("- 0x%016x%08x: { type: %s, superblock: \"fff:fffff:%d\", filename: \"f\" }%n",
                        i, i, type, i));
            }
        }
        Files.createDirectories(root);
        put(locks, lines.toString());
        Path client = nfsd.resolve("clients/1");
        put(client.resolve("states"), states.toString());
        put(client.resolve("info"), "clientid: 0x1\naddress: \"192.0.2.1:700\"\nstatus: confirmed\n"
                + "seconds from last renew: 1\nname: \"" + OWNER + "\"\nminor version: 0\ncallback state: UP\n");
        put(state.nsm().resolve("192.0.2.2"), "");
        put(state.clientDatabase(), "");
        try (Sqlite database = Sqlite.open(state.clientDatabase(), false)) {
            database.exec("CREATE TABLE parameters (key TEXT PRIMARY KEY, value TEXT);"
                    + "INSERT INTO parameters VALUES ('version', '4');"
                    + "CREATE TABLE grace (current INTEGER, recovery INTEGER);"
                    + "INSERT INTO grace VALUES (1, 0);"
                    + "CREATE TABLE \"rec-0000000000000001\" (id BLOB PRIMARY KEY, princhash BLOB);");
        }
    }

    private static void put(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text, StandardCharsets.ISO_8859_1);
    }
}
