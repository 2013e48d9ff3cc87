// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Bounded;

/**
 * With {@code enforce}: an export's clients come to the node's nfsd through the service's own addresses only. A request bears no
 * export that a rule could go by, so the rules are for hosts: those that a service exports to come to the addresses of the
 * services that export to them, and to no other of the node's. One table for all services, replaced as a whole. Thread-safe.
 */
public final class SharedFirewallLayer implements UncheckedLayer {
    private static final String TABLE = "table inet gracekeeper_node";
    /** Without what is there; it need not be there. */
    private static final String NOTHING = TABLE + "\ndelete " + TABLE + "\n";
    private static final Duration LIMIT = Duration.ofSeconds(30);
    /** For the second attempt of a stop. */
    private static final Duration SHORT = Duration.ofSeconds(5);
    private static final int V4_BITS = 32;
    private static final int V6_BITS = 128;

    private final Node node;
    private final Registry registry;
    private final ForeignUse foreign;
    private final NfsdFs nfsd;
    private final Path marker;
    private final Map<ServiceName, Set<Long>> suspects = new ConcurrentHashMap<>();
    /**
     * Services of which this layer is down. They are recorded until all of their stop is over, and another may stop meanwhile. It
     * may go with the helper: a stop that was cut short is repeated, with this layer's part.
     */
    private final Set<ServiceName> down = ConcurrentHashMap.newKeySet();

    /** @param marker there while there are rules, with something in it when they are not what they should be; the emergency stop
     *     knows it */
    public SharedFirewallLayer(Node node, Registry registry, ForeignUse foreign, NfsdFs nfsd, Path marker) {
        this.node = node;
        this.registry = registry;
        this.foreign = foreign;
        this.nfsd = nfsd;
        this.marker = marker;
    }

    @Override
    public String name() {
        return "firewall";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        down.remove(operation.instance().name());
        String problem = load(operation, Optional.of(operation.service()));
        if (!problem.isEmpty()) {
            throw new OcfException(OcfCode.INSTALLED, "enforce: the rules are refused (has the kernel nf_tables?): " + problem);
        }
    }

    /** Rules that cannot be made anew would refuse the service's hosts at all of the node's addresses: better none for a moment. */
    @Override
    public synchronized void down(Operation operation) throws IOException, InterruptedException {
        down.add(operation.instance().name());
        String problem = load(operation, Optional.empty());
        if (problem.isEmpty()) {
            return;
        }
        CommandResult result = nft(operation, NOTHING, SHORT);
        if (result.ok()) {
            Files.deleteIfExists(marker);
            throw new IOException("enforce: there are no rules until the next monitor of a service with it: " + problem);
        }
        Files.writeString(marker, "stale\n");
        throw new IOException("enforce: the service's rules stay and refuse its hosts at this node's addresses, until a service of the"
                + " node's nfsd is started or monitored here: " + problem + "; by hand: nft delete " + TABLE);
    }

    /**
     * Those that came before the rules, or by another way: they cannot renew their lease, and need not be waited for. One whose
     * connection is just being made again would look like that, once; and through another service's address one may come.
     */
    @Override
    public void tend(Operation operation) throws InterruptedException {
        boolean enforces = enforces(operation.service());
        ServiceName name = operation.instance().name();
        try {
            // A stop of another took the rules away, or could not; or whoever loads the node's firewall anew, and flushes all before.
            if (isStale() || enforces && (!Files.exists(marker) || !areThere(operation))) {
                String problem = load(operation, Optional.of(operation.service()));
                if (!problem.isEmpty()) {
                    operation.warn("enforce: " + problem);
                }
            }
            if (!enforces) {
                return;
            }
            Set<InetAddress> allowed = registry.others(null).stream().filter(service -> service.config().isShared())
                    .flatMap(service -> service.config().addresses().stream()).map(InetPrefix::address)
                    .collect(Collectors.toSet());
            List<ForeignUse.Found> found = foreign.find(operation.service()).stream().filter(each -> !each.elsewhere()
                    && each.through().stream().noneMatch(allowed::contains)).toList();
            Set<Long> before = suspects.getOrDefault(name, Set.of());
            for (ForeignUse.Found each : found) {
                if (before.contains(each.client().clientid())) {
                    Bounded.run("end of " + each, LIMIT, () -> node.in(Namespaces.HOST, () -> {
                        nfsd.expireClient(each.client());
                        return null;
                    }));
                    operation.warn("enforce: ended all that " + each + " had");
                }
            }
            suspects.put(name, found.stream().map(each -> each.client().clientid()).collect(Collectors.toSet()));
        } catch (IOException e) {
            operation.warn("enforce: " + e.getMessage());
        }
    }

    /** Also without {@code enforce}. */
    @Override
    public Optional<String> remark(Operation operation) throws InterruptedException {
        List<ForeignUse.Found> found;
        try {
            found = foreign.find(operation.service());
        } catch (IOException e) {
            operation.warn("whether clients come through other addresses cannot be told: " + e.getMessage());
            return Optional.empty();
        }
        return found.isEmpty() ? Optional.empty() : Optional.of("clients use its file systems through other addresses, and lose"
                + " what they have there when it moves: " + found.stream().map(ForeignUse.Found::toString)
                        .collect(Collectors.joining(", ")) + "; mount from the service's own, or see parameter enforce");
    }

    /** @return why nft refused it, or empty */
    private synchronized String load(Operation operation, Optional<RunningService> arriving)
            throws IOException, InterruptedException {
        List<RunningService> services = new ArrayList<>(registry.others(operation.instance().name()).stream()
                .filter(service -> service.config().isShared() && !down.contains(service.config().name())).toList());
        arriving.ifPresent(services::add);
        boolean any = services.stream().anyMatch(SharedFirewallLayer::enforces);
        if (!any && !Files.exists(marker)) {
            return "";
        }
        CommandResult result = nft(operation, NOTHING + (any ? rules(services) : ""), LIMIT);
        if (!result.ok()) {
            return result.summary();
        }
        if (any) {
            Files.write(marker, new byte[0]);
        } else {
            Files.deleteIfExists(marker);
        }
        return "";
    }

    private boolean areThere(Operation operation) throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, () -> node.commands().run(operation.deadline().atMost(SHORT), null,
                List.of("nft", "list", "table", "inet", "gracekeeper_node"))).ok();
    }

    private CommandResult nft(Operation operation, String commands, Duration limit) throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, () -> node.commands().run(operation.deadline().atMost(limit), commands,
                List.of("nft", "-f", "-")));
    }

    private boolean isStale() throws IOException {
        try {
            return Files.size(marker) > 0;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private static boolean enforces(RunningService service) {
        return service.config().shared().map(shared -> shared.enforce()).orElse(false);
    }

    /** @param services all that share the node's nfsd */
    static String rules(List<RunningService> services) {
        StringBuilder rules = new StringBuilder(TABLE
                + " {\nchain input {\ntype filter hook input priority filter; policy accept;\n");
        for (RunningService service : services.stream().filter(SharedFirewallLayer::enforces).toList()) {
            for (String client : hosts(service)) {
                if (client.equals("*") || isV4(client)) {
                    rules.append(rule(services, client, true));
                }
                if (client.equals("*") || !isV4(client)) {
                    rules.append(rule(services, client, false));
                }
            }
        }
        return rules.append("}\n}\n").toString();
    }

    private static String rule(List<RunningService> services, String client, boolean v4) {
        String ip = v4 ? "ip" : "ip6";
        String addresses = services.stream().filter(service -> hosts(service).stream().anyMatch(host -> meet(host, client)))
                .flatMap(service -> service.config().addresses().stream()).filter(address -> address.isV4() == v4)
                .map(InetPrefix::host).distinct().collect(Collectors.joining(", "));
        return "iifname != lo " + (client.equals("*") ? "meta nfproto " + (v4 ? "ipv4" : "ipv6") : ip + " saddr " + prefix(client))
                + (addresses.isEmpty() ? "" : " " + ip + " daddr != { " + addresses + " }")
                + " tcp dport " + RpcClient.NFS_PORT + " reject with tcp reset\n";
    }

    private static List<String> hosts(RunningService service) {
        return service.exports().stream().map(PlannedExport::clients).flatMap(List::stream)
                .map(PlannedExport.Client::host).distinct().toList();
    }

    private static boolean isV4(String host) {
        return host.indexOf(':') < 0;
    }

    /** Whether a host may be in both. */
    private static boolean meet(String a, String b) {
        if (a.equals("*") || b.equals("*")) {
            return true;
        }
        if (isV4(a) != isV4(b)) {
            return false;
        }
        InetPrefix one = InetPrefix.parse(prefix(a));
        InetPrefix two = InetPrefix.parse(prefix(b));
        return one.contains(two.address()) || two.contains(one.address());
    }

    /** exports(5) also knows networks by their mask. */
    private static String prefix(String host) {
        int slash = host.indexOf('/');
        if (slash < 0) {
            return host + "/" + (isV4(host) ? V4_BITS : V6_BITS);
        }
        String length = host.substring(slash + 1);
        if (length.indexOf('.') < 0) {
            return host;
        }
        int bits = 0;
        for (byte each : InetPrefix.parseLiteral(length).getAddress()) {
            bits += Integer.bitCount(each & 0xff);
        }
        return host.substring(0, slash + 1) + bits;
    }
}
