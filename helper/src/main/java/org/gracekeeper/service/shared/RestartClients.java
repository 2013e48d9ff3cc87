// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Bounded;

/**
 * The NFSv4 clients of the node's own nfsd at its restart: those that may reclaim are recorded with the node's nfsdcld before.
 * Thread-safe as far as restarts do not overlap.
 */
public final class RestartClients {
    private static final System.Logger LOG = System.getLogger(RestartClients.class.getName());
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Node node;
    private final NfsdFs nfsd;
    private final SharedOwners owners;
    private final RestartState state;
    private final Path database;

    /** @param database nfsdcld's, of the node */
    public RestartClients(Node node, NfsdFs nfsd, SharedOwners owners, RestartState state, Path database) {
        this.node = node;
        this.nfsd = nfsd;
        this.owners = owners;
        this.state = state;
        this.database = database;
    }

    /** The owners of those that nfsd has, in hexadecimal. */
    Set<String> holders() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, nfsd::clients).stream().filter(Nfs4Client::holdsState)
                .map(client -> HexFormat.of().formatHex(client.ownerId())).collect(Collectors.toSet());
    }

    /** Of hosts that were two clients, and are one from now on. */
    void tellMeetings(List<ArrivingService> arriving, Set<String> holders) {
        try {
            Map<ServiceName, Set<String>> meeting = SharedOwners.meeting(
                    arriving.stream().map(ArrivingService::arrival).toList(), holders, node.bootId());
            for (ArrivingService service : arriving) {
                ServiceName name = service.operation().instance().name();
                if (meeting.containsKey(name)) {
                    service.operation().warn(SharedOwners.text(meeting.get(name)));
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
     * @throws IOException clients that arrive could not reclaim; or, at a start, those that nfsd has. A stop goes on without: the
     *     node would be fenced, and {@link #verify} tells
     */
    boolean record(List<ArrivingService> arriving, Set<String> holders) throws IOException, InterruptedException {
        Set<String> clients = new TreeSet<>();
        arriving.forEach(service -> clients.addAll(service.clients()));
        boolean matters = !clients.isEmpty();
        clients.addAll(holders);
        if (clients.isEmpty()) {
            return false;
        }
        List<byte[]> ids = new ArrayList<>(clients.stream().map(HexFormat.of()::parseHex).toList());
        ids.addAll(RecordsLayer.graceHolders(ids.size()));
        try {
            Bounded.run("record of NFSv4 clients", LIMIT, () -> {
                if (!Files.exists(database)) {
                    throw new IOException("there is no " + database + ": is nfsdcld.service running?");
                }
                // Those that nfsd has stay recorded, whatever becomes of the restart: they are there.
                new NfsdcldDb(database).recordForNextStart(ids, entries -> state.keepRecorded(
                        entries.stream().filter(entry -> !holders.contains(entry.owner())).toList()));
            });
        } catch (IOException e) {
            if (!arriving.isEmpty() && NfsdcldDb.isDamage(e)) {
                throw new IOException("the node's own list of NFSv4 clients is damaged (" + e.getMessage() + "): at a restart of"
                        + " nfsd all of them would lose their opens and locks; put " + database + " back from a backup, or move all"
                        + " *.sqlite files of its directory away and restart nfsdcld.service: who is there is recorded anew before"
                        + " nfsd restarts", e);
            }
            if (matters) {
                throw new IOException("NFSv4 clients that come with a service could not reclaim: " + e.getMessage(), e);
            }
            // All but NFSv4.0 clients that have reclaimed once the kernel has had recorded itself.
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
        }
        return true;
    }

    /**
     * For a restart that was given up, by this helper or one that was killed: clients that were recorded for it would have nfsd's
     * next start wait for them. Does nothing where nfsd has started since, as far as nfsdcld knows. What fails is tried again
     * with the next start of a service or of the helper.
     */
    void takeBack() throws InterruptedException {
        if (!state.hasRecorded()) {
            return;
        }
        try {
            Bounded.run("taking back records of NFSv4 clients", LIMIT, () -> {
                int taken = new NfsdcldDb(database).takeBack(state.recorded(), RecordsLayer::isGraceHolder, this::present);
                state.forgetRecorded();
                if (taken > 0) {
                    LOG.log(System.Logger.Level.INFO, "restart of nfsd: it was given up, and " + taken + " records of NFSv4 clients"
                            + " are taken back that were made for it");
                }
            });
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: it was given up, and records of NFSv4 clients that were made for"
                    + " it stay: its next start may wait for them until the grace time is over: " + e.getMessage());
        }
    }

    /**
     * Clients that have come meanwhile, by which they may have a record of their own.
     *
     * @throws IOException nfsd does not run: its clients are not known
     */
    private Set<String> present() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, () -> {
            Set<String> present = nfsd.clients().stream().map(client -> HexFormat.of().formatHex(client.ownerId()))
                    .collect(Collectors.toSet());
            // Afterwards: its threads end before its clients do.
            if (!nfsd.runs()) {
                throw new IOException("nfsd does not run");
            }
            return present;
        });
    }

    /**
     * For when it has started, and clients were recorded: without a client tracker nfsd starts all the same, and refuses every
     * NFSv4 reclaim.
     *
     * @param asking those in whose names it was restarted; they are warned
     */
    void verify(List<Operation> asking) {
        try {
            if (!RecordsLayer.recoveryHasBegun(new NfsdcldDb(database))) {
                asking.forEach(operation -> operation.warn("nfsd did not find nfsdcld when it restarted, so NFSv4 clients cannot"
                        + " reclaim: see nfsdcld.service"));
            }
        } catch (IOException e) {
            asking.forEach(operation -> operation.warn("whether nfsd found nfsdcld when it restarted, so that NFSv4 clients can"
                    + " reclaim, cannot be told: " + e.getMessage() + "; see nfsdcld.service"));
        }
    }
}
