// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.stack.Operation;

/** Whether a service's servers answer. Thread-safe. */
public final class ServerPing {
    private final Node node;

    public ServerPing(Node node) {
        this.node = node;
    }

    /**
     * Whether nobody listens where the service's nfsd does: its sockets go with its last thread (fs/nfsd/nfssvc.c,
     * nfsd_destroy_serv). One whose threads are all at work listens, and does not answer.
     */
    public boolean isGone(Operation operation) throws IOException, InterruptedException {
        int version = version(operation.service().config());
        return node.in(operation.service().network(), () -> RpcClient.ask(RpcClient.NFS_PORT, RpcClient.NFS, version))
                == RpcClient.Answer.REFUSED;
    }

    private static int version(ServiceConfig config) {
        return config.hasNfsV3() ? 3 : 4;
    }

    /** Asks nfsd and mountd for an answer, through the loopback of the service's network. */
    public Optional<String> problem(Operation operation) throws IOException, InterruptedException {
        ServiceConfig config = operation.service().config();
        int version = version(config);
        if (config.isShared()) {
            // What it offers is the node's matter.
            return node.in(operation.service().network(), () -> RpcClient.answers(RpcClient.NFS_PORT, RpcClient.NFS, 4)
                    || RpcClient.answers(RpcClient.NFS_PORT, RpcClient.NFS, 3) ? Optional.empty()
                            : Optional.of("the node's nfsd does not answer a NULL call"));
        }
        return node.in(operation.service().network(), () -> {
            if (!RpcClient.answers(RpcClient.NFS_PORT, RpcClient.NFS, version)) {
                return Optional.of("nfsd does not answer an NFSv" + version + " NULL call");
            }
            if (config.hasNfsV3() && !RpcClient.registered(RpcClient.MOUNTD, 3)) {
                return Optional.of("rpc.mountd does not answer");
            }
            if (config.hasNfsV3() && !RpcClient.registered(RpcClient.STATD, 1)) {
                return Optional.of("rpc.statd does not answer");
            }
            if (config.hasNfsV3() && !RpcClient.registered(RpcClient.LOCKD, 4)) {
                return Optional.of("lockd does not answer");
            }
            return Optional.<String>empty();
        });
    }
}
