// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.Release;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.KernelVersion;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.release.NlmRelease;
import org.gracekeeper.service.release.ReleaseText;
import org.gracekeeper.service.release.Unlock;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;

/**
 * Releases what NFS clients hold through the addresses and on the file systems of a service that the node's own nfsd serves, and
 * nothing else. To be called when nobody can come to them any more. What the kernel says to each write, and what is seen
 * afterwards, are both told. Thread-safe.
 */
public final class SharedRelease {
    private static final long PAUSE_MILLIS = 200;

    private final Node node;
    private final NfsdFs nfsd;
    private final Holdings holdings;
    private final NlmRelease nlm;
    private final ServerRestart restart;
    private final Registry registry;

    public SharedRelease(Node node, NfsdFs nfsd, Holdings holdings, NlmRelease nlm, ServerRestart restart, Registry registry) {
        this.node = node;
        this.nfsd = nfsd;
        this.holdings = holdings;
        this.nlm = nlm;
        this.restart = restart;
        this.registry = registry;
    }

    /**
     * @throws IOException something is left
     */
    void release(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        Set<DeviceId> devices = Set.copyOf(service.devices());
        Map<DeviceId, Path> places = Mounts.exported(node.kernel(), Mounts.MOUNTINFO, service.exports(), service.devices());
        Release before = look(service, devices);
        operation.info("to release: " + before.nlm().size() + " NLM locks and waiters, " + before.states().size()
                + " NFSv4 states, " + before.nfs4().size() + " NFSv4 locks");
        unlockAddresses(operation, before, devices);
        for (Client client : clients(before)) {
            if (!client.elsewhere()) {
                claim(operation, client.text() + ", with all that it has", () -> nfsd.expireClient(client.client()));
            }
        }
        releaseNlm(operation, places);
        releaseParts(operation, before, places);
        // A waiter may have been granted an NLM lock by the end of somebody's NFSv4 state.
        releaseNlm(operation, places);
        Release now = look(service, devices);
        // A request that was under way when the export went may have been granted since.
        Deadline limit = Deadline.after(operation.deadline().remaining().dividedBy(4));
        while (!now.isEmpty() && !limit.passed()) {
            Thread.sleep(PAUSE_MILLIS);
            for (Nfs4Client client : now.whole()) {
                claim(operation, client.protocol() + " " + client.address() + ", again", () -> nfsd.expireClient(client));
            }
            releaseNlm(operation, places);
            now = look(service, devices);
        }
        operation.info("seen: " + ReleaseText.gone(before, before.leftIn(now)));
        if (!now.isEmpty()) {
            throw new IOException(now.size() + " locks and opens of NFS clients are still there on what service "
                    + operation.instance().name() + " exports: 'gracekeeper unlock --path DIRECTORY --dry-run' shows them");
        }
    }

    private record Client(Nfs4Client client, boolean elsewhere) {
        private String text() {
            return client.protocol() + " " + client.address();
        }
    }

    private static List<Client> clients(Release release) {
        List<Client> clients = new ArrayList<>(release.whole().stream().map(c -> new Client(c, false)).toList());
        release.elsewhere().forEach(c -> clients.add(new Client(c, true)));
        return clients;
    }

    private void unlockAddresses(Operation operation, Release before, Set<DeviceId> devices)
            throws IOException, InterruptedException {
        for (InetPrefix address : registry.ownAddresses(operation.service())) {
            claim(operation, "unlock_ip " + address.host(), () -> nfsd.unlockIp(address.address()));
        }
        int left = holdings.nlmLines(devices).size();
        if (left > 0) {
            operation.info("unlock_ip left " + left + " of " + before.nlm().size() + " NLM locks and waiters: the kernel does"
                    + " nothing with it, or they came through other addresses");
        }
    }

    private void releaseNlm(Operation operation, Map<DeviceId, Path> places) throws IOException, InterruptedException {
        for (Map.Entry<DeviceId, Path> place : places.entrySet()) {
            if (!holdings.nlmLines(Set.of(place.getKey())).isEmpty()) {
                Unlock.Claim claim = Unlock.claim("unlock_filesystem " + place.getValue() + " for NLM alone",
                        operation.deadline(), () -> nlm.release(place.getValue()));
                operation.info(claim.text());
            }
        }
    }

    /** Clients that have more than this service's, of which no kernel before 6.9 can end a part. */
    private void releaseParts(Operation operation, Release before, Map<DeviceId, Path> places)
            throws IOException, InterruptedException {
        List<Client> parts = clients(before).stream().filter(Client::elsewhere).toList();
        if (parts.isEmpty()) {
            return;
        }
        parts.forEach(client -> operation.info(client.text() + " has state of other services too, or of the node's own exports"));
        boolean parted = !KernelVersion.parse(node.kernelRelease()).unlockFilesystemIsNlmOnly();
        boolean restarts = operation.service().config().shared().orElseThrow().restart();
        if (parted && !restarts) {
            operation.warn(parts.size() + " NFSv4 clients have state of others too: what they have here is revoked, and a client of"
                    + " NFSv4.1 or later then gives up all of its locks of this node; grace=restart avoids that");
            for (Path place : places.values()) {
                claim(operation, "unlock_filesystem " + place, () -> nfsd.unlockFilesystem(place));
            }
            return;
        }
        if (!restarts) {
            operation.warn("kernel " + node.kernelRelease() + " cannot release a part of what an NFSv4 client has: nfsd has to"
                    + " restart");
        }
        restart.now(operation);
    }

    /** A write that may wait for ever. */
    private void claim(Operation operation, String what, Write write) throws InterruptedException {
        operation.info(Unlock.claim(what, Deadline.after(operation.deadline().remaining().dividedBy(2)),
                () -> node.in(Namespaces.HOST, () -> {
                    write.run();
                    return null;
                })).text());
    }

    private interface Write {
        void run() throws IOException;
    }

    private Release look(RunningService service, Set<DeviceId> devices) throws IOException, InterruptedException {
        return Release.of(devices, holdings.nlmLines(devices), holdings.nfs4Lines(devices), holdings.clients(service));
    }
}
