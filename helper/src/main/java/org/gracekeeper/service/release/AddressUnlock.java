// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.gracekeeper.model.AddressScope;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.Release;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.server.NfsServers;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;

/**
 * Releases NLM locks by the server's address that they were taken through: {@code unlock_ip}, which acts on all servers of
 * the node at once. Many kernels answer it and do nothing: the arguments of the comparison were swapped from 2008 until 2026
 * (fs/lockd/svcsubs.c, nlmsvc_match_ip), and IPv6 addresses are refused ({@link NfsdFs#unlockIp}). So what it did is seen
 * from the locks, and where an address is a service's only one of its family, lockd is told of each host instead.
 * Thread-safe.
 */
public final class AddressUnlock {
    private static final System.Logger LOG = System.getLogger(AddressUnlock.class.getName());

    private final Node node;
    private final NfsServers servers;
    private final NfsdFs nfsd;
    private final Holdings holdings;
    private final RecordsLayer records;
    private final HostRelease hosts;
    private final AtomicBoolean complained = new AtomicBoolean();

    public AddressUnlock(Node node, NfsServers servers, NfsdFs nfsd, Holdings holdings, RecordsLayer records, HostRelease hosts) {
        this.node = node;
        this.servers = servers;
        this.nfsd = nfsd;
        this.holdings = holdings;
        this.records = records;
        this.hosts = hosts;
    }

    /** What there is to do, and by whom. */
    private record Plan(InetAddress address, NfsServers.Server server, AddressScope scope, Set<DeviceId> devices,
            MountTable mounts, Release before, boolean here) {

        private String whose() {
            return AddressText.of(address) + (server.service().isPresent() ? " is an address of " + server
                    : here ? " is an address of the node" : " is no address of this node now");
        }

        private String which() {
            return switch (scope) {
                case ALL -> "all of them were taken through it, the only address of " + server;
                case FAMILY -> "those were taken through it that are of NFSv3 hosts with an IPv"
                        + (address instanceof Inet4Address ? "4" : "6") + " address; /proc/locks does not tell which";
                case UNKNOWN -> "/proc/locks does not tell which of them were taken through it; only those go";
            };
        }
    }

    Outcome unlock(String text, Unlock.Call call) throws OcfException, IOException, InterruptedException {
        Plan plan = plan(parse(text));
        List<String> lines = new ArrayList<>();
        lines.add(plan.whose() + ": " + plan.before().nlm().size() + " NLM locks and waiters on file systems of "
                + plan.server());
        if (!plan.before().isEmpty()) {
            lines.add(ReleaseText.table(plan.before(), plan.mounts(), false).stripTrailing());
            lines.add(plan.which());
        }
        if (servers.clients(plan.server()).stream().anyMatch(client -> client.holdsState())) {
            lines.add("NFSv4 state belongs to no address of a server and stays: --path releases it");
        }
        if (call.dryRun()) {
            return Unlock.dryRun(text(lines));
        }
        Unlock.Claim claim = Unlock.claim("unlock_ip", call.deadline(), () -> node.in(plan.server().namespaces(), () -> {
            nfsd.unlockIp(plan.address());
            return null;
        }));
        lines.add(note(call, claim.text()));
        Release left = left(plan);
        boolean told = true;
        boolean nothing = left.size() == plan.before().size();
        // Also where some are gone: that may be by themselves.
        if (!left.isEmpty() && plan.scope() != AddressScope.UNKNOWN) {
            List<String> errors = new ArrayList<>();
            lines.add(note(call, tellHosts(plan, call.deadline(), errors)));
            told = errors.isEmpty();
            errors.forEach(error -> lines.add(note(call, error)));
            Release afterwards = left(plan);
            if (nothing && afterwards.size() < left.size()) {
                complain();
            }
            left = afterwards;
        }
        lines.add(note(call, "seen: " + ReleaseText.part("NLM locks and waiters", plan.before().nlm(), left.nlm())
                + " are gone" + rest(plan, left, claim)));
        return new Outcome(text(lines), left.isEmpty() || plan.scope() == AddressScope.FAMILY && told
                || plan.scope() == AddressScope.UNKNOWN && claim.done() && left.size() < plan.before().size());
    }

    /** What to think of what is left. */
    private String rest(Plan plan, Release left, Unlock.Claim claim) throws IOException {
        if (left.isEmpty()) {
            return "";
        }
        return switch (plan.scope()) {
            case ALL -> "; the others are still held, or were taken again";
            case FAMILY -> "; the others are of hosts of the other family";
            case UNKNOWN -> claim.done() && left.size() < plan.before().size() ? "; the others were taken through another address"
                    : ": " + (claim.done() ? "either none was taken through " + AddressText.of(plan.address())
                            + ", or unlock_ip of kernel " + node.kernelRelease() + " finds none, as on most before 7.2"
                            : "unlock_ip failed") + "; --path releases all of a file system";
        };
    }

    /** For each host that may have locks through the address, and through no other. */
    private String tellHosts(Plan plan, Deadline limit, List<String> errors) throws IOException, InterruptedException {
        RunningService service = plan.server().service().orElseThrow();
        NsmRecords.ByFamily monitored = NsmRecords.split(records.monitored(service.state()));
        List<String> told = new ArrayList<>();
        for (String host : plan.address() instanceof Inet4Address ? monitored.ipv4() : monitored.ipv6()) {
            try {
                if (hosts.release(service, host, limit)) {
                    told.add(host);
                }
            } catch (IOException e) {
                errors.add("lockd was not told of " + host + ": " + e.getMessage());
            }
        }
        return "which left some: lockd was told to release what each of these hosts has: " + String.join(" ", told);
    }

    private void complain() throws IOException {
        if (complained.compareAndSet(false, true)) {
            LOG.log(System.Logger.Level.WARNING, "unlock_ip of kernel " + node.kernelRelease() + " does not release what it"
                    + " should, as on most kernels before 7.2, and with IPv6 on all that were tried: lockd is told of each host"
                    + " instead");
        }
    }

    private Release left(Plan plan) throws IOException {
        return plan.before().leftIn(look(plan.devices()));
    }

    private Release look(Set<DeviceId> devices) throws IOException {
        return new Release(holdings.nlmLines(devices), List.of(), List.of());
    }

    private Plan plan(InetAddress address) throws OcfException, IOException, InterruptedException {
        List<NfsServers.Server> all = servers.all();
        NfsServers.Server server = all.stream().filter(s -> addresses(s).contains(address)).findFirst()
                .orElseGet(() -> all.get(0));
        if (!server.running()) {
            throw new OcfException(OcfCode.NOT_RUNNING, server + " does not run" + (server.service().isPresent()
                    ? " yet, or any more" : ", and " + AddressText.of(address) + " is no address of a service of this node")
                    + ": there is nothing to release");
        }
        Set<DeviceId> devices;
        AddressScope scope;
        boolean here = true;
        if (server.service().isPresent()) {
            devices = Set.copyOf(server.service().get().devices());
            scope = AddressScope.of(address, addresses(server).stream().filter(a -> !a.equals(address)).toList());
        } else {
            devices = new HashSet<>(holdings.nlmDevices());
            devices.removeIf(device -> NfsServers.isServices(device, all));
            scope = AddressScope.UNKNOWN;
            here = node.in(Namespaces.HOST, new LocalAddresses(node.kernel())::read).contains(address);
        }
        Release before = look(devices);
        if (before.isEmpty() && !here) {
            throw new OcfException(OcfCode.ARGS, AddressText.of(address) + " is an address of neither this node nor a service of"
                    + " it, and no NLM lock is held that could have been taken through it: 'ip address' and 'gracekeeper"
                    + " status' show which there are");
        }
        return new Plan(address, server, scope, devices, servers.mounts(), before, here);
    }

    private static List<InetAddress> addresses(NfsServers.Server server) {
        return server.service().map(service -> service.config().addresses().stream().map(InetPrefix::address).toList())
                .orElse(List.of());
    }

    private static InetAddress parse(String text) throws OcfException {
        InetAddress address;
        try {
            address = InetPrefix.parseLiteral(text);
        } catch (IllegalArgumentException e) {
            throw new OcfException(OcfCode.ARGS, e.getMessage() + ": give one of the server's, without a prefix length", e);
        }
        if (address.isAnyLocalAddress() || address.isMulticastAddress()) {
            throw new OcfException(OcfCode.ARGS, text + " is no address that a client can have mounted from");
        }
        return address;
    }

    private static String note(Unlock.Call call, String line) {
        call.log().accept(line);
        return line;
    }

    private static String text(List<String> lines) {
        return String.join("\n", lines) + "\n";
    }
}
