// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
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
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.sys.Namespaces;

/**
 * With {@code enforce}: an export's clients come to the node's nfsd through the service's own addresses only. A request bears no
 * export that a rule could go by, so the rules are for hosts: those that a service exports to come to the addresses of the
 * services that export to them, and to no other of the node's. One table for all services, replaced as a whole. Thread-safe.
 */
final class SharedFirewallLayer implements UncheckedLayer {
    private static final String TABLE = "table inet gracekeeper_node";
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int V4_BITS = 32;
    private static final int V6_BITS = 128;

    private final Node node;
    private final Registry registry;
    private final ForeignUse foreign;
    private final NfsdFs nfsd;
    private final Path marker;
    private final Map<ServiceName, Set<Long>> suspects = new ConcurrentHashMap<>();

    /** @param marker there while there are rules; the emergency stop knows it */
    SharedFirewallLayer(Node node, Registry registry, ForeignUse foreign, NfsdFs nfsd, Path marker) {
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
        String problem = load(operation, Optional.of(operation.service()));
        if (!problem.isEmpty()) {
            throw new OcfException(OcfCode.INSTALLED, "enforce: the rules are refused (has the kernel nf_tables?): " + problem);
        }
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        String problem = load(operation, Optional.empty());
        if (!problem.isEmpty()) {
            throw new IOException("firewall: " + problem);
        }
    }

    /**
     * Those that came before the rules, or by another way: they cannot renew their lease, and need not be waited for. One whose
     * connection is just being made again would look like that, once; and through another service's address one may come.
     */
    @Override
    public void tend(Operation operation) throws InterruptedException {
        if (!enforces(operation.service())) {
            return;
        }
        ServiceName name = operation.instance().name();
        try {
            if (!Files.exists(marker)) {
                load(operation, Optional.of(operation.service())); // the emergency stop of another took the rules away
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
                .filter(service -> service.config().isShared()).toList());
        arriving.ifPresent(services::add);
        boolean any = services.stream().anyMatch(SharedFirewallLayer::enforces);
        if (!any && !Files.exists(marker)) {
            return "";
        }
        String replace = TABLE + "\ndelete " + TABLE + "\n" + (any ? rules(services) : "");
        CommandResult result = node.in(Namespaces.HOST, () -> node.commands().run(operation.deadline().atMost(LIMIT),
                replace, List.of("nft", "-f", "-")));
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
