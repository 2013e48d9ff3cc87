// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.net.Announcer;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.network.Announcements;
import org.gracekeeper.service.network.ConnectionReset;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.timeline.Event;

/** The service's addresses on a device of the node. Where they are gone, nobody comes through them. Thread-safe. */
public final class SharedAddressLayer implements Layer {
    private static final Path SYSCTLS = Path.of("/proc/sys/net/ipv4/conf");

    private final Node node;
    private final Registry registry;
    private final IpLink ip;
    private final AddressGuard guard;
    private final Announcer announcer;
    private final Announcements announcements;
    private final ConnectionReset connections;
    private final SharedRecordsLayer records;
    private final NodeGrace grace;
    private final RestartGate gate;
    private final LocalAddresses local;

    public SharedAddressLayer(Node node, Registry registry, IpLink ip, AddressGuard guard, Announcer announcer,
            Announcements announcements, ConnectionReset connections, SharedRecordsLayer records, NodeGrace grace,
            RestartGate gate) {
        this.node = node;
        this.registry = registry;
        this.ip = ip;
        this.guard = guard;
        this.announcer = announcer;
        this.announcements = announcements;
        this.connections = connections;
        this.records = records;
        this.grace = grace;
        this.gate = gate;
        this.local = new LocalAddresses(node.kernel());
    }

    @Override
    public String name() {
        return Event.OPEN;
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        RunningService service = operation.service();
        guard.require(operation);
        // Without it the first address of a network takes the others with it when it goes.
        node.kernel().writeOnce(SYSCTLS.resolve(service.parent()).resolve("promote_secondaries"),
                "1\n".getBytes(StandardCharsets.US_ASCII));
        ArrivingService arriving = ArrivingService.of(operation, records);
        // Not while nfsd restarts for others: who comes then is not among those that the restart has recorded.
        gate.open(() -> {
            if (service.config().shared().orElseThrow().restart()) {
                grace.require(operation, arriving.hosts(), !arriving.clients().isEmpty());
            }
            add(service);
        });
        announce(operation);
        announcements.begin(operation);
        connections.previous(operation);
    }

    private void announce(Operation operation) throws InterruptedException {
        RunningService service = operation.service();
        List<InetAddress> addresses = service.config().addresses().stream().map(InetPrefix::address).toList();
        try {
            node.in(service.network(), () -> {
                announcer.announce(service.device(), addresses);
                return null;
            });
        } catch (IOException e) {
            // Clients are served by now, and it is repeated. A device whose queue is full takes no frame (ENOBUFS).
            operation.warn("its addresses are not announced at once, clients may come some seconds later: " + e.getMessage());
        }
    }

    /**
     * Somebody else may give the node one of the addresses at this very moment. The kernel adds none that the device has, so
     * whose it is follows from its answer; but nothing tells later: who has added an address is kept by no attribute of it that all
     * kernels have, for both families (IFA_PROTO came with 5.18, labels are IPv4's alone). A helper that is killed between the
     * record and the answer leaves it open. Then the address counts as the service's: one that stayed after the stop would be on
     * two nodes at once.
     *
     * @throws OcfException (GENERIC) one is there already, and stays
     */
    private void add(RunningService service) throws IOException, OcfException, InterruptedException {
        List<InetPrefix> addresses = service.config().addresses();
        // Mostly they came earlier than in this moment: then there is no record yet by which a stop would take them away.
        refuseForeign(service, addresses);
        registry.update(service.config().name(), RunningService::withOpened);
        for (int i = 0; i < addresses.size(); i++) {
            InetPrefix address = addresses.get(i);
            try {
                ip.batch(null, List.of("address add " + address + (address.isV4() ? "" : " nodad") + " dev " + service.parent()));
            } catch (CommandException e) {
                if (e.result().hasFailed()) {
                    leave(service, addresses.subList(i, addresses.size()));
                    refuseForeign(service, List.of(address));
                }
                throw e;
            }
        }
    }

    /** @param notAdded the last of the addresses; where it is all of them, nobody has come */
    private void leave(RunningService service, List<InetPrefix> notAdded) throws IOException {
        if (notAdded.size() == service.config().addresses().size()) {
            registry.update(service.config().name(), RunningService::withClosed);
        } else {
            registry.leave(service.config().name(), notAdded);
        }
    }

    private void refuseForeign(RunningService service, List<InetPrefix> addresses)
            throws IOException, OcfException, InterruptedException {
        Set<InetAddress> there = there(service);
        for (InetPrefix address : addresses) {
            if (there.contains(address.address())) {
                throw new OcfException(OcfCode.GENERIC, "parameter ip: " + address.host() + " has become an address of this node while"
                        + " the service was being started: somebody else has added it, who is to leave it to the service");
            }
        }
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        announcements.end(operation.instance().name());
        Set<InetAddress> there = there(service);
        if (service.opened()) {
            try {
                // With an address the kernel closes nfsd's connections on it (fs/nfsd/nfssvc.c, nfsd_inetaddr_event).
                records.keepConnections(service);
            } catch (IOException e) {
                operation.warn("connections are not known to the next node, clients resume some seconds later: "
                        + e.getMessage());
            }
        }
        List<InetPrefix> mine = registry.ownAddresses(service).stream().filter(a -> there.contains(a.address())).toList();
        if (!mine.isEmpty() && service.opened()) {
            delete(mine, service.parent());
            Set<InetAddress> left = there(service);
            for (InetPrefix address : mine) {
                if (left.contains(address.address())) {
                    throw new IOException("address " + address.host() + " is still there");
                }
            }
        }
    }

    private void delete(List<InetPrefix> mine, String device) throws IOException {
        try {
            ip.batch(null, mine.stream().map(address -> "address del " + address + " dev " + device).toList());
        } catch (CommandException e) {
            // The device may have another name by now, and what stays would be on two nodes at once.
            List<String> lines = ip.read(null).addresses().stream()
                    .filter(each -> mine.stream().anyMatch(address -> address.host().equals(each.address())))
                    .map(each -> "address del " + each.address() + "/" + each.prefix() + " dev " + each.device()).toList();
            ip.batchAll(null, lines);
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        Set<InetAddress> there = there(service);
        Optional<InetPrefix> gone =
                service.config().addresses().stream().filter(address -> !there.contains(address.address())).findFirst();
        if (gone.isPresent()) {
            return Optional.of("address " + gone.get().host() + " is gone from " + service.parent());
        }
        // One of IPv4 stays where it is.
        return node.in(service.network(), () -> isDown(service.parent())) ? Optional.of("device " + service.parent() + " is down, so"
                + " nobody reaches its addresses: set it up (ip link set " + service.parent() + " up)") : Optional.empty();
    }

    private boolean isDown(String device) throws KernelException {
        try {
            return !node.kernel().isUp(device);
        } catch (KernelException e) {
            if (e.errno() == Errno.ENODEV) {
                return false; // it has another name now, and the addresses
            }
            throw e;
        }
    }

    private Set<InetAddress> there(RunningService service) throws IOException, InterruptedException {
        return node.in(service.network(), local::read);
    }
}
