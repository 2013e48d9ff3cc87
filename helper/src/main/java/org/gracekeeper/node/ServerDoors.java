// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.net.RpcPorts;
import org.gracekeeper.sys.Namespaces;

/**
 * The ports of the node's own nfsd and lockd, which are shut while they restart: as nfsd stops, lockd still serves when NFSv4
 * state is gone already, and somebody could get a lock that is to be reclaimed. Thread-safe.
 */
public final class ServerDoors {
    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final String TABLE = "table inet gracekeeper_restart";
    /** Without what is there; it need not be there. */
    private static final String NOTHING = TABLE + "\ndelete " + TABLE + "\n";

    private final Node node;

    public ServerDoors(Node node) {
        this.node = node;
    }

    public void shut() throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            RpcPorts lockd = lockd();
            nft(NOTHING + TABLE + " {\nchain input {\ntype filter hook input priority -10;\n" + drop("tcp", List.of(RpcClient.NFS_PORT))
                    + drop("tcp", lockd.tcp()) + drop("udp", lockd.udp()) + "}\n}\n");
            return null;
        });
    }

    public void open() throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            nft(NOTHING);
            return null;
        });
    }

    private void nft(String rules) throws IOException {
        CommandResult result = node.commands().run(LIMIT, rules, List.of("nft", "-f", "-"));
        if (!result.ok()) {
            throw new IOException(result.summary());
        }
    }

    /** Of none where there is no rpcbind: without one nobody finds lockd. */
    private RpcPorts lockd() throws IOException {
        CommandResult result = node.commands().run(LIMIT, "", List.of("rpcinfo"));
        return RpcPorts.of(result.ok() ? result.out() : "", RpcClient.LOCKD);
    }

    private static String drop(String protocol, Collection<Integer> ports) {
        return ports.isEmpty() ? "" : protocol + " dport { "
                + ports.stream().map(Object::toString).collect(Collectors.joining(", ")) + " } drop\n";
    }
}
