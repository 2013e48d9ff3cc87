// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.model.NfsVersion;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.sys.Namespaces;

/** The grace periods of the node's own nfsd and of the node's lockd. They end by the kernel's clocks. Thread-safe. */
public final class NodeGrace {
    private final Node node;
    private final NfsdFs nfsd;
    private final LockdFs lockd;
    private final NodeServer server;

    public NodeGrace(Node node, NfsdFs nfsd, LockdFs lockd, NodeServer server) {
        this.node = node;
        this.nfsd = nfsd;
        this.lockd = lockd;
        this.server = server;
    }

    /**
     * One of the two, as it is.
     *
     * @param name for people
     * @param seconds how long it lasts
     */
    record Period(String name, boolean ended, int seconds) {
        /** @param over since its begin, in seconds */
        boolean isTooShort(double over) {
            return ended || over * 2 > seconds;
        }

        @Override
        public String toString() {
            return name + "'s grace period (" + seconds + " s)";
        }
    }

    /** Whether nfsd or lockd refuses new locks. */
    boolean inGrace() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, () -> !lockd.graceEnded() || !nfsd.v4GraceEnded());
    }

    /** Whether NFSv3 hosts can reclaim nothing; also where lockd never started. */
    boolean nlmEnded() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, lockd::graceEnded);
    }

    /**
     * To be asked just before a service's clients can come: the kernel's clocks run all the same, and whoever comes when grace is
     * over loses his locks. Its storage, which may hang, is not read here.
     *
     * @param hosts whether NFSv3 hosts have something to reclaim
     * @param clients whether NFSv4 clients have
     * @throws OcfException (GENERIC) too little of it is left for those who have to reclaim. The next start begins anew
     */
    void require(Operation operation, boolean hosts, boolean clients) throws IOException, OcfException, InterruptedException {
        double over = node.bootSeconds() - server.startedAt();
        Optional<Period> late = node.in(Namespaces.HOST, () -> tooShort(operation, hosts, clients, over));
        if (late.isPresent()) {
            throw new OcfException(OcfCode.GENERIC, String.format("service %s: %.0f s of %s were over before a client could come,"
                    + " so locks would be lost: the next start begins anew; see what holds up this node or its storage%s",
                    operation.instance().name(), over, late.get(), remedy(over)));
        }
    }

    private Optional<Period> tooShort(Operation operation, boolean hosts, boolean clients, double over) throws IOException {
        if (hosts && !nfsd.versions().contains(NfsVersion.V3)) {
            // lockd does not run for it, and gets no grace however often it restarts.
            operation.warn("NFSv3 hosts may have had locks on it, and can reclaim none: the node's nfsd does not offer"
                    + " NFSv3, see vers3 in section nfsd of /etc/nfs.conf");
        } else if (hosts) {
            Period nlm = new Period("NLM", lockd.graceEnded(), lockd.graceTime());
            if (nlm.isTooShort(over)) {
                return Optional.of(nlm);
            }
        }
        if (clients) {
            Period v4 = new Period("NFSv4", nfsd.v4GraceEnded(), nfsd.graceTime());
            if (v4.isTooShort(over)) {
                return Optional.of(v4);
            }
        }
        return Optional.empty();
    }

    /** rpc.nfsd reads it with each restart, and sets lockd's by it, too (nfs-utils, nfssvc_set_time). */
    static String remedy(double over) {
        int needed = (int) Math.ceil(over * 2 / 10) * 10;
        return needed > NodeLockd.MAX_GRACE ? "" : "; if it is so each time, set grace-time=" + needed
                + " or more in section nfsd of /etc/nfs.conf, on all nodes";
    }
}
