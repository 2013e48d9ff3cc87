// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.time.Duration;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;

/** The node's own nfsd: whether it runs, its stop and its start. One attempt each, of at most half a minute. Thread-safe. */
public final class NodeServer {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private final Node node;
    private final NfsdFs nfsd;
    private volatile double startedAt;

    public NodeServer(Node node, NfsdFs nfsd) {
        this.node = node;
        this.nfsd = nfsd;
    }

    /** Whether it has threads. */
    public boolean runs() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, nfsd::runs);
    }

    public int threads() throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, nfsd::threads);
    }

    /** @throws IOException rpc.nfsd's; it may have stopped all the same */
    public void stop() throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> node.run(Deadline.after(LIMIT), "rpc.nfsd", "0"));
    }

    /**
     * Starts it.
     *
     * @param scope the nodename of who starts the threads, from which the kernel takes it; null for the node's own
     * @throws IOException rpc.nfsd's; it may run all the same
     */
    public void start(int threads, String scope) throws IOException, InterruptedException {
        // Before: where rpc.nfsd fails and it runs all the same, its grace must not be taken for younger than it is.
        startedAt = node.bootSeconds();
        node.in(Namespaces.HOST, scope, () -> node.run(Deadline.after(LIMIT), "rpc.nfsd", Integer.toString(threads)));
    }

    /** When this helper began to start it, in seconds since the node's boot; 0 where it has not. */
    public double startedAt() {
        return startedAt;
    }
}
