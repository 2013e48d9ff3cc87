// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.recovery.SnapshotLayer;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Deadline;

/**
 * Ends what single clients of a service hold, for the operator: NFSv4 clients as nfsd itself does after their lease, NFSv3
 * hosts as statd does when it hears that they have rebooted. Thread-safe; one at a time for a service, for which it has a
 * slot.
 */
public final class ClientExpiry {
    /** In all: a monitor waits for the service's slot meanwhile, and has 20 s as a rule. */
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private static final String NOT_TOLD = "NFSv3 clients are not told: one that still runs goes on as if it had its locks,"
            + " so keep it cut off until it is restarted\n";

    private final Node node;
    private final NfsdFs nfsd;
    private final HostRelease hosts;
    private final Holdings holdings;
    private final ClientList clients;
    private final RecordsLayer records;
    private final Recovery recovery;

    public ClientExpiry(Node node, NfsdFs nfsd, HostRelease hosts, Holdings holdings, ClientList clients, RecordsLayer records,
            Recovery recovery) {
        this.node = node;
        this.nfsd = nfsd;
        this.hosts = hosts;
        this.holdings = holdings;
        this.clients = clients;
        this.records = records;
        this.recovery = recovery;
    }

    /**
     * Ends all that a service's operator may mean by {@code who}.
     *
     * @param service one that serves
     * @param who an address, with the port or without it, or an NFSv4 client id
     * @param log is told of each client as soon as it has been dealt with: an interrupt leaves no {@link Outcome}
     * @throws OcfException (GENERIC) the service has no such client
     * @throws IOException its clients cannot be told; nothing was done
     */
    public Outcome expire(RunningService service, String who, Deadline deadline, Consumer<String> log)
            throws IOException, OcfException, InterruptedException {
        Deadline limit = deadline.part(LIMIT);
        List<ClientList.Client> all = clients.of(service);
        List<ClientList.Client> meant = all.stream().filter(client -> client.is(who)).toList();
        if (meant.isEmpty()) {
            String name = service.config().name().value();
            throw new OcfException(OcfCode.GENERIC, "service " + name + " has no client " + who + " among its " + all.size()
                    + " clients: 'gracekeeper clients " + name + "' shows them");
        }
        List<Nfs4Client> others = all.stream().filter(client -> client.nfs4() != null && !client.is(who))
                .map(ClientList.Client::nfs4).toList();
        // Before any of them can come back.
        List<TcpPeer> connections = SnapshotLayer.connections(node, service);
        StringBuilder text = new StringBuilder();
        boolean complete = true;
        boolean hostsToo = false;
        for (ClientList.Client client : meant) {
            String line = client.protocol() + " " + client.address();
            hostsToo |= client.nfs4() == null;
            try {
                if (limit.passed()) {
                    throw new IOException("the others took the time that there is: ask again");
                }
                line += " is ended: " + (client.nfs4() != null ? endClient(service, client, others, limit)
                        : endHost(service, client, connections, limit));
            } catch (InterruptedIOException e) {
                throw (InterruptedException) new InterruptedException(e.getMessage()).initCause(e);
            } catch (IOException | RuntimeException e) {
                line += " is not ended: " + e.getMessage();
                complete = false;
            }
            log.accept(line);
            text.append(line).append('\n');
        }
        return new Outcome(text + (hostsToo ? NOT_TOLD : ""), complete);
    }

    private String endClient(RunningService service, ClientList.Client client, List<Nfs4Client> others, Deadline limit)
            throws IOException, InterruptedException {
        String record = "";
        try {
            recovery.forget(service, client.nfs4(), others);
        } catch (IOException e) {
            // Its locks block others now; that it may reclaim them is a matter of the next start.
            record = "; it stays recorded, and may reclaim after the next start: " + e.getMessage();
        }
        try {
            Bounded.run("the wait for its requests in progress, after which the kernel ends it,", limit.remaining(),
                    () -> node.in(service.instance().inside(), () -> {
                        nfsd.expireClient(client.nfs4());
                        return null;
                    }));
        } catch (IOException e) {
            if (!(e.getCause() instanceof TimeoutException)) { // of which the kernel does not hear
                keep(service, client.nfs4(), e);
            }
            throw e;
        }
        return client.states(Nfs4Client.Type.OPEN) + " opens, " + client.states(Nfs4Client.Type.LOCK) + " locks, "
                + client.states(Nfs4Client.Type.DELEG) + " delegations" + record;
    }

    private void keep(RunningService service, Nfs4Client client, IOException cause) {
        try {
            recovery.keep(service, client);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    /**
     * lockd first: should that fail, the host still has its locks, and has to be notified after the next start. lockd's
     * answer says nothing, so what is shown is how many NLM locks there are of all hosts, before and after.
     */
    private String endHost(RunningService service, ClientList.Client client, Collection<TcpPeer> connections, Deadline limit)
            throws IOException, InterruptedException {
        String host = client.address();
        int before = holdings.nlmLocks(service);
        String words = hosts.release(service, host, limit)
                ? before + " NLM locks of the service's clients before, " + holdings.nlmLocks(service) + " now"
                : "lockd has not heard of it since the start";
        try {
            if (!records.expire(service.state(), host, connections)) {
                words += "; it stays recorded under a name, and may reclaim after the next start";
            }
            if (client.status().equals(ClientList.MAY_RECLAIM)) {
                recovery.forgetHosts(service);
                words += stillWaiting(service);
            }
        } catch (IOException e) {
            words += "; it stays recorded, and may reclaim after the next start: " + e.getMessage();
        }
        return words;
    }

    /** NLM locks have no owner: which of those that are waited for were this host's cannot be told. */
    private String stillWaiting(RunningService service) throws IOException, InterruptedException {
        return recovery.grace(service).nlm() && !records.recoverySet(service.state()).isEmpty()
                ? "; grace may still wait for its locks, which cannot be told from others': see 'gracekeeper grace end "
                        + service.config().name() + "'"
                : "";
    }
}
