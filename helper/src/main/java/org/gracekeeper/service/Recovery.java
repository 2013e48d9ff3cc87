// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import org.gracekeeper.model.NfsVersion;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.model.RecoveryDecision.Observed;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;

/** Looks at a service that recovers and does what {@link RecoveryDecision} says. Stateless, thread-safe. */
final class Recovery {
    private static final System.Logger LOG = System.getLogger(Recovery.class.getName());

    private final Node node;
    private final NfsdFs nfsd;
    private final LockdFs lockd;
    private final RecordsLayer records;

    Recovery(Node node, NfsdFs nfsd, LockdFs lockd, RecordsLayer records) {
        this.node = node;
        this.nfsd = nfsd;
        this.lockd = lockd;
        this.records = records;
    }

    /**
     * What can be said of a service's grace.
     *
     * @param nlm whether lockd still refuses new locks
     * @param v4 whether nfsd still refuses new NFSv4 opens and locks
     */
    record Grace(boolean nlm, boolean v4) {
        boolean active() {
            return nlm || v4;
        }
    }

    Grace grace(RunningService service) throws IOException, InterruptedException {
        boolean v3 = service.config().hasNfsV3();
        return node.in(service.instance().inside(),
                () -> new Grace(v3 && !lockd.graceEnded(), !nfsd.v4GraceEnded()));
    }

    /** Seconds of grace that are left at most, 0 when it is over. */
    double secondsLeft(RunningService service) throws IOException {
        double end = service.startedAt() + service.config().graceTime();
        return Math.max(0, end - node.bootSeconds());
    }

    /**
     * One look.
     *
     * @return whether recovery has ended
     */
    boolean step(RunningService service) throws IOException, InterruptedException {
        recordMinorVersionZeroClients(service);
        Grace grace = grace(service);
        int hosts = records.recoverySet(service.state()).size();
        RecoveryDecision decision = RecoveryDecision.of(
                new Observed(grace.nlm(), grace.v4(), hosts, secondsLeft(service)));
        if (decision.endNlm() || decision.endV4()) {
            LOG.log(System.Logger.Level.INFO, "service {0}: {1}", service.config().name(), decision.reason());
            node.in(service.instance().inside(), () -> {
                // NLM first: were it to outlast the NFSv4 grace, a client with a delegation could lose a lock.
                if (decision.endNlm()) {
                    lockd.endGrace();
                }
                if (decision.endV4()) {
                    nfsd.endV4Grace();
                }
                return null;
            });
        }
        if (grace.active()) {
            return false;
        }
        records.recovered(service.state());
        return true;
    }

    /**
     * Sees that every NFSv4.0 client with state is in nfsdcld's current table. The kernel records such a client at
     * OPEN_CONFIRM only, and a reclaimed open needs none (fs/nfsd/nfs4proc.c, CLAIM_PREVIOUS): without this a client
     * would survive one move and lose its locks at the next.
     */
    void recordMinorVersionZeroClients(RunningService service) throws IOException, InterruptedException {
        if (!service.config().versions().contains(NfsVersion.V4_0)) {
            return;
        }
        NfsdcldDb database = new NfsdcldDb(service.state().clientDatabase());
        for (Nfs4Client client : node.in(service.instance().inside(), nfsd::clients)) {
            if (client.minorVersion() == 0 && client.holdsState() && database.record(client.ownerId())) {
                LOG.log(System.Logger.Level.DEBUG, "service {0}: recorded NFSv4.0 client {1}",
                        service.config().name(), client.ownerName());
            }
        }
    }
}
