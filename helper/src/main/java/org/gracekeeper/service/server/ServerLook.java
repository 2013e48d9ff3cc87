// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.sys.NamespaceSet;
import org.gracekeeper.task.Threads;

/**
 * Whether an nfsd has threads, for who cannot wait as long as another one on the node may take to start or stop: all that nfsd tells
 * of its threads it tells under one mutex of the node (fs/nfsd/nfssvc.c, nfsd_mutex), and a server has that which waits for a disk
 * to be able to stop. Thread-safe.
 */
public final class ServerLook {
    /** Longer than a start or stop takes which does not hang, on a busy node too. */
    private static final Duration LIMIT = Duration.ofSeconds(5);

    private final Node node;
    private final NfsdFs nfsd;
    private final Duration limit;
    /** A look that has waited for longer. One that begins now would wait for the same, and keep its namespaces meanwhile. */
    private volatile FutureTask<Boolean> overdue;

    public ServerLook(Node node, NfsdFs nfsd) {
        this(node, nfsd, LIMIT);
    }

    ServerLook(Node node, NfsdFs nfsd, Duration limit) {
        this.node = node;
        this.nfsd = nfsd;
        this.limit = limit;
    }

    /**
     * Whether it has threads; empty when nfsd does not say so within 5 s, and at once as long as it has not said so to another.
     *
     * @param inside where its file system is mounted
     */
    public Optional<Boolean> runs(NamespaceSet inside) throws IOException, InterruptedException {
        return remark().isEmpty() ? ask(inside) : Optional.empty();
    }

    /** What there is to say of that to people; empty when nfsd tells. */
    public Optional<String> remark() {
        FutureTask<Boolean> look = overdue;
        return look == null || look.isDone() ? Optional.empty() : Optional.of("an NFS server of this node has been starting or"
                + " stopping for some time, and no other can start or stop until it has: look for a disk that does not answer"
                + " (journalctl -k)");
    }

    /** Not by {@code Bounded}, which would interrupt the look: it would be done then, and its thread still wait in the kernel. */
    private Optional<Boolean> ask(NamespaceSet inside) throws IOException, InterruptedException {
        FutureTask<Boolean> look = new FutureTask<>(() -> node.in(inside, nfsd::runs));
        Thread thread = new Thread(look, "look at nfsd");
        thread.setDaemon(true);
        Threads.start(thread);
        try {
            return Optional.of(look.get(limit.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException e) {
            overdue = look;
            return Optional.empty();
        } catch (InterruptedException e) {
            thread.interrupt();
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IOException("nfsd's threads: " + e.getCause(), e.getCause());
        }
    }
}
