// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.net.TcpPeers;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.store.DurableFiles;

/**
 * What the next start recovers by. On the way down: what has to be on stable storage before the first lock is released,
 * which is the hosts with NLM locks, the NFSv4.0 clients, the TCP connections, and the ledger of all that is held. A clean
 * stop of nfsd makes statd forget everybody (SM_UNMON for each host, fs/lockd/host.c). On the way up: a first look at what
 * has to come back, before the first client gets through; where that is nothing, there is no grace for anybody.
 */
final class SnapshotLayer implements Layer {
    /** The share of the stop's time for clients that hold nothing. Not to expire them costs nobody a lock. */
    private static final int EXPIRE_SHARE = 8;
    private static final Duration STABLE = Duration.ofSeconds(2);

    private final Node node;
    private final NfsdFs nfsd;
    private final RecordsLayer records;
    private final Recovery recovery;
    private final Holdings holdings;
    private final LedgerStore ledgers;
    private final DurableFiles files;

    SnapshotLayer(Node node, NfsdFs nfsd, RecordsLayer records, Recovery recovery, Holdings holdings,
            LedgerStore ledgers, DurableFiles files) {
        this.node = node;
        this.nfsd = nfsd;
        this.records = records;
        this.recovery = recovery;
        this.holdings = holdings;
        this.ledgers = ledgers;
        this.files = files;
    }

    @Override
    public String name() {
        return "snapshot";
    }

    @Override
    public void up(Operation operation) throws InterruptedException {
        RunningService service = operation.service();
        LedgerStore.Found found = ledgers.find(service.state());
        operation.info(found.ledger().map(SnapshotLayer::summary)
                .orElse("recovering without a ledger: " + found.problem()));
        recovery.forget(service.config().name());
        try {
            recovery.step(service);
        } catch (IOException e) {
            operation.warn("first look at the recovery: " + e.getMessage());
        }
    }

    private static String summary(Ledger ledger) {
        return "to come back: " + (ledger.nlmKnown() ? ledger.nlmLocks() + " NLM locks" : ledger.nlmUnknown()) + ", "
                + (ledger.v4Known() ? "the state of " + ledger.clients().size() + " NFSv4 clients" : ledger.v4Unknown());
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        Errors errors = new Errors();
        errors.collect(() -> expireIdleClients(operation));
        errors.collect(() -> records.gather(operation.state()));
        errors.collect(() -> recovery.recordMinorVersionZeroClients(operation.service()));
        errors.collect(() -> savePeers(operation.service()));
        errors.collect(() -> writeLedger(operation));
        recovery.forget(operation.service().config().name());
        node.kernel().syncfs(operation.state().root());
        errors.rethrow();
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
        // Kept current, so that the connections are known after a crash too.
        savePeers(operation.service());
        return Optional.empty();
    }

    /**
     * Clients that are recorded and hold nothing are forgotten, so that nobody waits for them. Not while they may still
     * reclaim: then one that holds nothing yet is one that is expected.
     */
    private void expireIdleClients(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        if (service.startedAt() == 0 || recovery.grace(service).v4()) {
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

    private void writeLedger(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        ClaimLayer.Claim claim = ClaimLayer.read(service.state());
        if (claim == null) {
            return;
        }
        Optional<Ledger> earlier = ledgers.find(service.state()).ledger();
        if (service.startedAt() == 0) {
            // A start that did not come as far as to grant a lock: what had to come back still has to.
            if (earlier.isPresent()) {
                ledgers.write(service.state(), earlier.get().of(claim.generation()));
            }
            return;
        }
        FileSystems fileSystems = holdings.fileSystems(service);
        Recovery.Grace grace = recovery.grace(service);
        Optional<Holdings.Locks> locks = holdings.locks(service, fileSystems, STABLE);
        String noLocks = locks.isEmpty() ? "the node's locks changed too fast to be listed" : "";
        Ledger now = new Ledger(
                service.config().name().value(),
                claim.generation(),
                service.config().scope(),
                service.config().leaseTime(),
                service.config().graceTime(),
                !noLocks.isEmpty() || fileSystems.complete() ? noLocks
                        : "an export has crossmnt, and locks on the file systems below it are not compared",
                noLocks,
                locks.map(Holdings.Locks::nlm).orElse(List.of()),
                locks.map(Holdings.Locks::v4).orElse(List.of()),
                Holdings.held(holdings.clients(service), fileSystems));
        ledgers.write(service.state(), now.carrying(earlier, grace.nlm(), grace.v4()));
    }

    private void savePeers(RunningService service) throws IOException, InterruptedException {
        var addresses = service.config().addresses().stream().map(InetPrefix::address).collect(Collectors.toSet());
        var peers = node.in(service.instance().network(), () -> new TcpPeers(node.kernel(), TcpPeers.PROC_NET).established(addresses));
        byte[] text = TcpPeers.format(peers).getBytes(StandardCharsets.UTF_8);
        Path file = service.state().peers();
        if (!Files.exists(file) || !Arrays.equals(text, Files.readAllBytes(file))) {
            files.write(file, text);
        }
    }
}
