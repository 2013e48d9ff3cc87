// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.task.Ahead;
import org.gracekeeper.task.Deadline;

/**
 * What gets into a service's network namespace, where the node's own rules do not reach: its ports, answers to what it asks
 * itself, and ICMP. All of it is replaced in one transaction, with nft(8): before the service comes, or while the other layers are
 * built. Thread-safe.
 */
public final class Firewall {
    /** As in gracekeeper-statd@.service. */
    public static final int STATD = 662;
    /** As in gracekeeper-mountd@.service. */
    private static final int MOUNTD = 20048;

    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final String FLUSH = "flush ruleset\n";

    private final Node node;
    private final Ahead<String> loading = new Ahead<>("firewall");

    public Firewall(Node node) {
        this.node = node;
    }

    /** @param prepared whether {@link #prepare} was called: then only the administrator's file is missing, if there is one */
    public void begin(Operation operation, boolean prepared) {
        if (prepared && operation.service().config().firewall().isEmpty()) {
            return;
        }
        loading.begin(operation.instance().name(), () -> load(operation));
    }

    /**
     * Waits for what was begun.
     *
     * @throws OcfException (ARGS) the administrator's file cannot be used
     */
    public void require(Operation operation) throws IOException, OcfException, InterruptedException {
        String problem = loading.await(operation.instance().name(), "firewall").orElse("");
        if (!problem.isEmpty()) {
            throw new OcfException(operation.service().config().firewall().isPresent() ? OcfCode.ARGS : OcfCode.INSTALLED,
                    problem);
        }
    }

    public void forget(Operation operation) {
        loading.forget(operation.instance().name());
    }

    /**
     * Takes over other rules; those in force stay until then.
     *
     * @throws IOException they cannot be used
     */
    public void reload(Operation operation) throws IOException, InterruptedException {
        String problem = load(operation);
        if (!problem.isEmpty()) {
            throw new IOException(problem);
        }
    }

    /** What the service has without the administrator's file, before it comes to this node. */
    public void prepare(Instance instance, boolean nfs3, Deadline deadline) throws IOException, InterruptedException {
        CommandResult result = load(instance, FLUSH + table(nfs3), deadline);
        if (!result.ok()) {
            throw new CommandException(result);
        }
    }

    private CommandResult load(Instance instance, String rules, Deadline deadline) throws IOException, InterruptedException {
        return node.in(instance.network(),
                () -> node.commands().run(deadline.atMost(LIMIT), rules, List.of("nft", "-f", "-")));
    }

    /** @return why nft refused it, or empty */
    private String load(Operation operation) throws IOException, InterruptedException {
        Optional<Path> file = operation.service().config().firewall();
        CommandResult result = load(operation.instance(), rules(operation.service().config()), operation.deadline());
        if (result.ok()) {
            return "";
        }
        if (!result.hasFailed()) {
            throw new CommandException(result); // on a node that is slow the next one may be loaded
        }
        // Before that it says what included the file.
        String why = result.err().lines().filter(line -> line.contains("Error: ")).findFirst().orElseGet(result::summary);
        return file.map(path -> "parameter firewall: file " + path + " is refused: ")
                .orElse("the service's firewall is refused (has the kernel nf_tables and nf_conntrack?): ") + why;
    }

    static String rules(ServiceConfig config) {
        return FLUSH + table(config.hasNfsV3())
                + config.firewall().map(file -> "include \"" + file + "\"\n").orElse("");
    }

    /**
     * What comes to the service's own ports is not tracked: it would cost each packet, and a full table would drop some.
     * Tracking is for what the service begins itself (NLM and NFSv4.0 callbacks, notifications).
     *
     * <p>It is in what an earlier version has prepared, too: with another table, {@code StandbyRecord.FORMAT} is to be counted up.
     */
    public static String table(boolean nfs3) {
        List<String> own = nfs3
                ? List.of("tcp %s " + ports(RpcClient.RPCBIND_PORT, STATD, RpcClient.NFS_PORT, NodeLockd.PORT, MOUNTD),
                        "udp %s " + ports(RpcClient.RPCBIND_PORT, STATD, NodeLockd.PORT, MOUNTD))
                : List.of("tcp %s " + ports(RpcClient.NFS_PORT));
        StringBuilder table = new StringBuilder("table inet gracekeeper {\n");
        chain(table, "untracked_in", "prerouting priority raw", own, "dport", "notrack");
        chain(table, "untracked_out", "output priority raw", own, "sport", "notrack");
        chain(table, "input", "input priority filter; policy drop", own, "dport", "accept");
        // Behind the service's own traffic.
        return table.append("chain input {\niifname lo accept\nmeta l4proto { icmp, ipv6-icmp } accept\n")
                .append("ct state established,related accept\n}\n}\n").toString();
    }

    private static void chain(StringBuilder rules, String name, String hook, List<String> protocols, String side,
            String verdict) {
        rules.append("chain ").append(name).append(" {\ntype filter hook ").append(hook).append("\n");
        protocols.forEach(each -> rules.append(String.format(each, side)).append(' ').append(verdict).append('\n'));
        rules.append("}\n");
    }

    private static String ports(Integer... ports) {
        return "{ " + String.join(", ", List.of(ports).stream().map(String::valueOf).toList()) + " }";
    }
}
