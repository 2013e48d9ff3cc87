// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.net.RpcClient;
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
            String tcp = ports(RpcClient.NFS_PORT, RpcClient.port(RpcClient.LOCKD, 4));
            String udp = ports(RpcClient.udpPort(RpcClient.LOCKD, 4));
            nft(NOTHING + TABLE + " {\nchain input {\ntype filter hook input priority -10;\ntcp dport { " + tcp + " } drop\n"
                    + (udp.isEmpty() ? "" : "udp dport { " + udp + " } drop\n") + "}\n}\n");
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

    private static String ports(int... ports) {
        return String.join(", ", Arrays.stream(ports).filter(port -> port > 0).mapToObj(Integer::toString).toList());
    }
}
