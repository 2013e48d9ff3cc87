// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.TcpPeers;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Errors;

/**
 * What the next start recovers by. On the way down: what has to be on stable storage before the first lock is released,
 * which is the hosts with NLM locks, the NFSv4.0 clients, the TCP connections, and the ledger of all that is held. A clean
 * stop of nfsd makes statd forget everybody (SM_UNMON for each host, fs/lockd/host.c). On the way up: a first look at what
 * has to come back, before the first client gets through; where that is nothing, there is no grace for anybody.
 */
public final class SnapshotLayer implements UncheckedLayer {
    /** The share of the stop's time for clients that hold nothing. Not to expire them costs nobody a lock. */
    private static final int EXPIRE_SHARE = 8;

    private final Node node;
    private final NfsdFs nfsd;
    private final RecordsLayer records;
    private final Recovery recovery;
    private final Registry registry;
    private final ServiceLink link;
    private final Holdings holdings;
    private final LedgerStore ledgers;
    private final PeerList peers;
    private final Reserve reserve;
    private final Map<ServiceName, String> complaints = new ConcurrentHashMap<>();

    public SnapshotLayer(Node node, Registry registry, ServiceLink link, NfsdFs nfsd, RecordsLayer records, Recovery recovery,
            Holdings holdings, LedgerStore ledgers, PeerList peers, Reserve reserve) {
        this.node = node;
        this.registry = registry;
        this.link = link;
        this.nfsd = nfsd;
        this.records = records;
        this.recovery = recovery;
        this.holdings = holdings;
        this.ledgers = ledgers;
        this.peers = peers;
        this.reserve = reserve;
    }

    @Override
    public String name() {
        return "snapshot";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        RunningService service = operation.service();
        recovery.requireTime(service);
        tell(operation, ledgers.find(service.state()));
        recovery.open(service.config().name());
        try {
            recovery.step(service);
        } catch (IOException e) {
            operation.warn("first look at the recovery: " + e.getMessage());
        }
    }

    /** Without a ledger clients may wait for the full time, which somebody may have to be told why; a first start has none. */
    private void tell(Operation operation, LedgerStore.Found found) throws IOException {
        String without = "recovering without a ledger: " + found.problem();
        if (found.ledger().isPresent()) {
            operation.info(summary(found.ledger().get()));
            if (found.ledger().get().nlmLocks() > 0 && records.recoverySet(operation.state()).isEmpty()) {
                operation.warn("no NFSv3 host is recorded that could be notified: these NLM locks are lost, and new locks wait"
                        + " for the full grace time");
            }
        } else if (found.first()) {
            operation.info(without);
        } else {
            operation.warn(without);
        }
    }

    private static String summary(Ledger ledger) {
        return "to come back: " + (ledger.nlmKnown() ? ledger.nlmLocks() + " NLM locks" : ledger.nlmUnknown()) + ", "
                + (ledger.v4Known() ? "the state of " + ledger.clients().size() + " NFSv4 clients" : ledger.v4Unknown());
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        recovery.close(operation.service());
        Errors errors = new Errors();
        errors.collect(() -> reserve.release(operation.state()));
        errors.collect(() -> {
            // A server that is stopped, or never was open, has no connections; those of before are the last there were.
            if (operation.service().opened() && isComplete(operation.service())) {
                noteConnections(operation.service());
            }
        });
        errors.collect(() -> gather(operation));
        errors.collect(() -> {
            recovery.recordHolders(operation.service());
            if (operation.service().opened() && isComplete(operation.service())) {
                recovery.recordNobodyElse(operation.service());
            }
        });
        errors.collect(() -> writeLedger(operation));
        // Last: it may wait for requests in progress, and should the stop go on without it, nothing is missing.
        errors.collect(() -> expireIdleClients(operation));
        node.kernel().syncfs(operation.state().root());
        errors.rethrow();
    }

    private void gather(Operation operation) throws IOException {
        try {
            RecordsLayer.tellUnread(operation, records.gather(operation.state()));
        } catch (IOException | RuntimeException e) {
            records.mayLackHosts(operation.state()); // statd is about to forget them
            throw e;
        }
    }

    @Override
    public void tend(Operation operation) throws InterruptedException {
        String complaint = "";
        try {
            complaint = reserve.problem(operation.state()).orElse("");
            // Kept current, so that the connections are known after a crash too.
            noteConnections(operation.service());
        } catch (IOException e) {
            if (complaint.isEmpty()) {
                complaint = "what the next start recovers by cannot be kept current: " + e.getMessage();
            }
        }
        // No failure: the service serves, and to start it anew would make nothing better. Once is enough.
        String before = complaints.put(operation.service().config().name(), complaint);
        if (!complaint.isEmpty() && !complaint.equals(before)) {
            operation.warn(complaint);
        }
    }

    /**
     * Clients that are recorded and hold nothing are forgotten, so that nobody waits for them, even without the ledger. Not
     * while they may still reclaim: then one that holds nothing yet is one that is expected.
     */
    private void expireIdleClients(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        if (!isComplete(service) || recovery.grace(service).v4()) {
            return;
        }
        List<Nfs4Client> idle = holdings.clients(service).stream().filter(c -> c.states().isEmpty()).toList();
        if (idle.isEmpty()) {
            return;
        }
        Deadline deadline = Deadline.after(operation.deadline().remaining().dividedBy(EXPIRE_SHARE));
        for (Nfs4Client client : idle) {
            // It waits for requests in progress without a bound (fs/nfsd/nfs4state.c, force_expire_client).
            Bounded.run("expiry of client " + client.ownerName(), deadline.remaining(),
                    () -> node.in(service.instance().inside(), () -> {
                        nfsd.expireClient(client);
                        return null;
                    }));
        }
        operation.info(idle.size() + " NFSv4 clients without state expired");
    }

    /** Whether all that is held can be seen: the server has it still, and nobody can come to it any more. */
    private boolean isComplete(RunningService service) throws IOException, InterruptedException {
        return Files.exists(service.instance().mountPin()) && link.shut(service.instance())
                && node.in(service.instance().inside(), nfsd::threads) > 0;
    }

    private void writeLedger(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        Claim claim = ClaimStore.read(service.state());
        if (claim == null) {
            return;
        }
        Ledger.AtStop stop = new Ledger.AtStop(registry.generation(service.config().name()), claim.generation(),
                ledgers.stored(service.state()), service.opened(),
                service.opened() && isComplete(service));
        switch (Ledger.step(stop)) {
            case HAND_ON:
                ledgers.write(service.state(), stop.earlier().orElseThrow().of(claim.generation()));
                break;
            case WRITE:
                Recovery.Grace grace = recovery.grace(service);
                ledgers.write(service.state(),
                        holdings(service, claim.generation()).carrying(stop.earlier(), grace.nlm(), grace.v4()));
                break;
            case LEAVE:
                operation.info("no ledger of this stop: what was held cannot be told, or is written already");
                break;
        }
    }

    private Ledger holdings(RunningService service, long generation) throws IOException, InterruptedException {
        FileSystems fileSystems = holdings.fileSystems(service);
        String unknown = fileSystems.complete() ? ""
                : "clients can reach file systems of which the locks cannot be compared (crossmnt, btrfs, a later mount)";
        Holdings.Locks locks = holdings.allLocks(fileSystems);
        return new Ledger(
                service.config().name().value(),
                generation,
                service.config().scope(),
                service.config().leaseTime(),
                service.graceTime(),
                unknown,
                unknown,
                locks.nlm(),
                locks.v4(),
                Holdings.states(holdings.clients(service), fileSystems).stream().filter(s -> !s.holdsNothing()).toList());
    }

    private void noteConnections(RunningService service) throws IOException, InterruptedException {
        List<TcpPeer> now = connections(node, service);
        Errors errors = new Errors();
        errors.collect(() -> records.returned(service.state(), now));
        errors.collect(() -> peers.save(service.state(), now, service.recovered()));
        errors.rethrow();
    }

    /** Established TCP connections of clients with the service, as its network namespace shows them. */
    public static List<TcpPeer> connections(Node node, RunningService service) throws IOException, InterruptedException {
        var addresses = service.config().addresses().stream().map(InetPrefix::address).collect(Collectors.toSet());
        return node.in(service.network(),
                () -> new TcpPeers(node.kernel(), TcpPeers.PROC_NET).established(addresses));
    }
}
