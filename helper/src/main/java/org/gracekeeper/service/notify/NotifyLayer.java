// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.store.DurableFiles;

/**
 * Tells the hosts of the recovery set that the server has restarted (NSM SM_NOTIFY), from each of the service's
 * addresses: a host recognizes the server by the address it knows. All is prepared here; nfs-notify, one of the daemons'
 * units, waits until {@code OpenLayer} lets it go. Each sm-notify goes on for as long as it takes.
 *
 * <p>sm-notify asks ten hosts at a time and then waits a moment for answers, and a host has to be asked twice, the second
 * time after all others: a dead host delays those behind it. So hosts that had a connection have an sm-notify of their own.
 */
public final class NotifyLayer implements UncheckedLayer {
    private final DurableFiles files;
    private final NsmRecords records;
    private final PeerList peers;
    private final Notifications notifications;

    public NotifyLayer(DurableFiles files, PeerList peers, Notifications notifications) {
        this.files = files;
        this.records = new NsmRecords(files);
        this.peers = peers;
        this.notifications = notifications;
    }

    @Override
    public String name() {
        return "notify";
    }

    @Override
    public void up(Operation operation) throws IOException {
        RunningService service = operation.service();
        files.deleteTree(service.state().notifyRoot());
        notifications.hold(operation.instance().name(), service.config().hasNfsV3() ? prepare(operation) : List.of());
    }

    private List<Notifications.Line> prepare(Operation operation) throws IOException {
        RunningService service = operation.service();
        StateDirectory state = service.state();
        NsmRecords.ByFamily hosts = NsmRecords.split(records.names(state.nsm()));
        Set<String> connected = connected(operation);
        List<Notifications.Line> first = new ArrayList<>();
        List<Notifications.Line> then = new ArrayList<>();
        Set<String> damaged = new TreeSet<>();
        for (int i = 0; i < service.config().addresses().size(); i++) {
            InetPrefix address = service.config().addresses().get(i);
            // A client knows the server by one of its addresses, and answers a notification from there only.
            List<String> told = new ArrayList<>(address.isV4() ? hosts.ipv4() : hosts.ipv6());
            told.addAll(hosts.others());
            Map<Boolean, List<String>> parts = told.stream().collect(Collectors.partitioningBy(connected::contains));
            for (Map.Entry<Boolean, List<String>> part : parts.entrySet()) {
                if (!part.getValue().isEmpty()) {
                    Path directory = state.notify(address.address(), part.getKey());
                    damaged.addAll(fill(service, directory, part.getValue()));
                    (part.getKey() ? first : then).add(new Notifications.Line(
                            MountNamespace.NFS_STATE.resolve(state.nfs().relativize(directory)), service.monitorName(i),
                            part.getKey()));
                }
            }
            if (!told.isEmpty()) {
                operation.info("notifying " + told.size() + " hosts from " + address.host());
            }
        }
        if (!damaged.isEmpty()) {
            operation.warn(state.nsm() + " has damaged records of " + String.join(", ", damaged)
                    + ": they are notified all the same, by these names");
        }
        first.addAll(then);
        return first;
    }

    /** Hosts with a connection to the service where it was before, as statd's records name them. */
    private Set<String> connected(Operation operation) {
        try {
            return peers.read(operation.state()).stream().map(peer -> AddressText.of(peer.remote()))
                    .collect(Collectors.toSet());
        } catch (IOException e) {
            return Set.of(); // told when the connections are reset
        }
    }

    /** @return hosts with records that sm-notify could not have read */
    private List<String> fill(RunningService service, Path directory, List<String> hosts) throws IOException {
        StateDirectory state = service.state();
        NsmState number = NsmState.read(state.nsmState()).orElseThrow(() -> new IOException(state.nsmState() + " is gone"));
        return new NotifierDirectory(files, directory).makeInside(new NotifierDirectory.Order(number,
                service.config().name().value(), () -> Files.getOwner(state.nfs())), state.nsm(), hosts);
    }

    @Override
    public void down(Operation operation) throws IOException {
        notifications.remove(operation.instance().name());
        // What sm-notify left is of no more use: the recovery set has it all, see SnapshotLayer.
        files.deleteTree(operation.state().notifyRoot());
    }
}
