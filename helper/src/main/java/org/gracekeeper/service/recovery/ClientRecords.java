// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Bounded;

/**
 * Which NFSv4 clients may reclaim after a service's next start: nfsdcld's records, where the kernel does not see to them. It
 * records a client of NFSv4.0 at OPEN_CONFIRM only, and a reclaimed open needs none (fs/nfsd/nfs4proc.c, CLAIM_PREVIOUS):
 * without this a client would survive one move and lose its locks at the next. Thread-safe.
 */
final class ClientRecords {
    private static final System.Logger LOG = System.getLogger(ClientRecords.class.getName());

    /**
     * How long nfsdcld can record nobody because of a look, at most twice that long. It gives a client up after 10 s, and the kernel
     * takes it for recorded all the same (fs/nfsd/nfs4recover.c, nfsd4_cld_create).
     */
    private static final Duration LOOK_LIMIT = Duration.ofSeconds(2);

    /** NFSv4 clients that an administrator has ended. */
    private final Map<ServiceName, Ended> ended = new ConcurrentHashMap<>();

    /**
     * Clients by the kernel's number. Its monitor is held while clients are recorded, so that a look that has seen one just
     * before its end does not record it after that.
     */
    private static final class Ended {
        private final Set<Long> clientIds = new HashSet<>();
    }

    /** The service starts: the kernel numbers its clients anew. */
    void open(ServiceName name) {
        ended.remove(name);
    }

    /**
     * Sees that those of the clients that hold state are recorded.
     *
     * @param recorded owner ids in hexadecimal of clients that are known to be: most looks need no write then
     */
    void record(RunningService service, List<Nfs4Client> clients, Set<String> recorded) throws IOException {
        record(service, clients, recorded, Set.of());
    }

    /**
     * The same of clients of NFSv4.0 in a recovery, with those that may reclaim, whether they hold anything at this look or not. What
     * they reclaimed may have come and gone since the last one; and its owner, which nfsd takes for confirmed and keeps for a lease,
     * opens again without OPEN_CONFIRM (fs/nfsd/nfs4state.c, move_to_close_lru).
     *
     * @param mayReclaim owner ids in hexadecimal
     */
    void record(RunningService service, List<Nfs4Client> clients, Set<String> recorded, Set<String> mayReclaim) throws IOException {
        Ended before = ended(service);
        synchronized (before) {
            recordAll(service, clients.stream().filter(c -> !before.clientIds.contains(c.clientid())).toList(), recorded, mayReclaim);
        }
    }

    /**
     * No client but these may reclaim.
     *
     * @param epoch nfsdcld's, from before the clients were read
     * @param why the others may not, for people
     */
    void retain(RunningService service, long epoch, Remaining clients, String why) throws IOException, InterruptedException {
        Set<String> gone = new NfsdcldDb(service.state().clientDatabase()).retain(epoch, () -> ownersNow(clients));
        if (!gone.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "service {0}: {1} recorded NFSv4 clients {2}: they are not waited for",
                    service.config().name(), gone.size(), why);
        }
    }

    /**
     * @throws IOException the kernel does not tell in time: to ask nfsd can take as long as another service's server does to stop
     *     (nfsd_mutex)
     */
    private static Set<String> ownersNow(Remaining clients) throws IOException, InterruptedException {
        Set<String> owners = new HashSet<>();
        Bounded.run("a look at the NFSv4 clients", LOOK_LIMIT,
                () -> clients.now().forEach(client -> owners.add(HexFormat.of().formatHex(client.ownerId()))));
        return owners;
    }

    /** Clients, as they are when nfsdcld can record nobody. */
    @FunctionalInterface
    interface Remaining {
        List<Nfs4Client> now() throws IOException, InterruptedException;
    }

    /**
     * A client may not reclaim any more.
     *
     * @param others clients that stay: with one of its name among them, which is the same host's later one, the record is
     *     that one's too, and stays
     * @return whether the record was this client's alone
     */
    boolean forget(RunningService service, Nfs4Client client, List<Nfs4Client> others) throws IOException {
        Ended before = ended(service);
        synchronized (before) {
            before.clientIds.add(client.clientid());
            if (others.stream().anyMatch(other -> Arrays.equals(other.ownerId(), client.ownerId()))) {
                return false;
            }
            new NfsdcldDb(service.state().clientDatabase()).forget(client.ownerId());
            return true;
        }
    }

    /** A client that was to be forgotten may reclaim all the same. */
    void keep(RunningService service, Nfs4Client client) throws IOException {
        Ended before = ended(service);
        synchronized (before) {
            before.clientIds.remove(client.clientid());
        }
        record(service, List.of(client), Set.of());
    }

    private Ended ended(RunningService service) {
        return ended.computeIfAbsent(service.config().name(), n -> new Ended());
    }

    private static void recordAll(RunningService service, List<Nfs4Client> clients, Set<String> recorded, Set<String> mayReclaim)
            throws IOException {
        Map<String, Nfs4Client> byId = new HashMap<>();
        for (Nfs4Client client : clients) {
            String id = HexFormat.of().formatHex(client.ownerId());
            if (client.holdsState() || client.isConfirmed() && mayReclaim.contains(id)) {
                byId.put(id, client);
            }
        }
        byId.keySet().removeAll(recorded);
        for (String id : new NfsdcldDb(service.state().clientDatabase()).record(
                byId.values().stream().map(Nfs4Client::ownerId).toList())) {
            Nfs4Client client = byId.get(id);
            LOG.log(System.Logger.Level.DEBUG, "service {0}: recorded NFSv4.{1} client {2}",
                    service.config().name(), client.minorVersion(), client.ownerName());
        }
    }
}
