// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Release;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.SnapshotLayer;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.store.DurableFiles;

/**
 * What the next node recovers by, in the state directory: the NFSv3 hosts that statd monitors, the NFSv4 clients with state on
 * the service's file systems, the TCP connections. The node's statd does not tell through which address a host came, so all of
 * its hosts are recorded: one that is notified by a server which it does not monitor does nothing. Kept current by the monitor,
 * for the node may die. Thread-safe as far as one service's calls do not overlap.
 */
public final class SharedRecordsLayer implements UncheckedLayer {
    /** statd's directory, of Debian and of RHEL. */
    private static final List<Path> STATD = List.of(MountNamespace.NFS_STATE.resolve("statd"), MountNamespace.NFS_STATE);

    private static final String FROM = "from ";

    private final Node node;
    private final DurableFiles files;
    private final NfsdFs nfsd;
    private final Holdings holdings;
    private final RecordsLayer records;
    private final NsmRecords nsm;
    private final StatdHosts hosts;
    private final PeerList peers;
    private final Registry registry;
    private final NodeGrace grace;
    private final RestartGate gate;
    private final ServerLook look;
    private final List<Path> statd;

    public SharedRecordsLayer(Node node, DurableFiles files, NfsdFs nfsd, Holdings holdings, RecordsLayer records, PeerList peers,
            Registry registry, NodeGrace grace, RestartGate gate, ServerLook look) {
        this(node, files, nfsd, holdings, records, peers, registry, grace, gate, look, STATD, InstantSource.system());
    }

    /**
     * @param statd where statd's directory may be, the last one where there is none
     * @param clock see {@link StatdHosts}
     */
    public SharedRecordsLayer(Node node, DurableFiles files, NfsdFs nfsd, Holdings holdings, RecordsLayer records, PeerList peers,
            Registry registry, NodeGrace grace, RestartGate gate, ServerLook look, List<Path> statd, InstantSource clock) {
        this.node = node;
        this.files = files;
        this.nfsd = nfsd;
        this.holdings = holdings;
        this.records = records;
        this.nsm = new NsmRecords(files);
        this.hosts = new StatdHosts(nsm, clock);
        this.peers = peers;
        this.registry = registry;
        this.grace = grace;
        this.gate = gate;
        this.look = look;
        this.statd = statd;
    }

    @Override
    public String name() {
        return "records";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException {
        records.prepareStatd(operation);
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        if (operation.service().opened()) {
            gather(operation.service());
            node.kernel().syncfs(operation.state().root());
        }
        hosts.forget(operation.instance().name());
    }

    @Override
    public void tend(Operation operation) throws InterruptedException {
        try {
            // A restart does it itself, and takes longer than a monitor may.
            gate.tryLook(() -> gather(operation.service(), false));
            keepConnections(operation.service());
        } catch (IOException e) {
            operation.warn("what the next node recovers by cannot be kept current: " + e.getMessage());
        }
    }

    /** Brings the records up to date. Nothing is told by an nfsd that is stopped. */
    void gather(RunningService service) throws IOException, InterruptedException {
        gate.look(() -> gatherNow(service));
    }

    /** The same for who restarts nfsd. */
    void gatherNow(RunningService service) throws IOException, InterruptedException {
        gather(service, true);
    }

    /**
     * Nobody is forgotten until recovery has ended, nor while the node is in grace: somebody may have restarted its nfsd, of whom no
     * service is told. Nor when the service stops, whose clients are ended one by one.
     *
     * @param whole whether hosts are looked at also where nothing seems to have changed, and nfsd is waited for. A monitor cannot
     *     wait; the next one does it
     */
    private void gather(RunningService before, boolean whole) throws IOException, InterruptedException {
        // As it is now: a restart may just have been, after which nobody is known any more.
        RunningService service = registry.load(before.config().name()).orElse(before);
        StateDirectory state = service.state();
        if (whole) {
            hosts.forget(service.config().name());
        }
        // All is read before anything is written: storage that hangs must not have this see another nfsd.
        StatdHosts.Known known = hosts.look(service.config().name(), statd());
        Set<String> clients = new TreeSet<>();
        Set<DeviceId> devices = Set.copyOf(service.devices());
        Release.of(devices, List.of(), List.of(), holdings.clients(service)).states()
                .forEach(held -> clients.add(HexFormat.of().formatHex(held.client().ownerId())));
        // Afterwards: by an nfsd that ended before, and by the grace of the next one, whoever was not found has not gone.
        boolean runs = whole ? node.in(service.inside(), nfsd::threads) > 0 : look.runs(service.inside()).orElse(false);
        if (!runs) {
            return;
        }
        boolean older = !service.recovered() || service.stopping() || grace.inGrace();
        if (older) {
            clients.addAll(clients(state));
        }
        hosts.keep(service.config().name(), known, state.nsm(), older);
        List<String> lines = new ArrayList<>(List.of(FROM + node.bootId()));
        lines.addAll(clients);
        writeIfOther(state.clients(), lines);
    }

    /** Whether there are NFSv3 hosts that may have something to reclaim. */
    boolean hasHosts(StateDirectory state) throws IOException {
        return !nsm.names(state.nsm()).isEmpty();
    }

    void keepConnections(RunningService service) throws IOException, InterruptedException {
        peers.save(service.state(), SnapshotLayer.connections(node, service), service.recovered());
    }

    private void writeIfOther(Path file, Collection<String> lines) throws IOException {
        byte[] bytes = String.join("\n", lines).getBytes(StandardCharsets.US_ASCII);
        if (!Files.exists(file) || !Arrays.equals(bytes, Files.readAllBytes(file))) {
            files.write(file, bytes);
        }
    }

    /** Owner ids in hexadecimal of the NFSv4 clients that had state when the service was seen last; damaged lines left out. */
    static List<String> clients(StateDirectory state) throws IOException {
        return Files.exists(state.clients()) ? Files.readString(state.clients(), StandardCharsets.ISO_8859_1).lines()
                .filter(line -> line.matches("([0-9a-f]{2})+")).toList() : List.of();
    }

    /** Of which boot of which node they are clients, empty where that is not recorded. */
    static String clientsFrom(StateDirectory state) throws IOException {
        return Files.exists(state.clients()) ? Files.readString(state.clients(), StandardCharsets.ISO_8859_1).lines()
                .filter(line -> line.startsWith(FROM)).findFirst().orElse(FROM).substring(FROM.length()) : "";
    }

    /** Where the node's statd keeps its records. */
    Path statd() {
        return statd.stream().filter(directory -> Files.isDirectory(directory.resolve("sm"))).findFirst()
                .orElse(statd.get(statd.size() - 1));
    }
}
