// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.KernelVersion;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.sys.MountCalls;
import org.gracekeeper.sys.Namespaces;

/**
 * Keeps new NFSv4.1 clients from sessions of a single slot, with which they wait for each answer before they ask again: seen on 6.1,
 * at an eighth of the speed.
 *
 * <p>Before 6.14 the nfsd instances of a node count together what sessions take of memory. The start of any of them sets that to zero
 * (fs/nfsd/nfssvc.c, set_max_drc). The end of a session that is older is taken off all the same, and what is below zero counts as all
 * taken (fs/nfsd/nfs4state.c, nfsd4_put_drc_mem and nfsd4_get_drc_mem), until the next start of any. So whenever clients have gone it
 * is set to zero again. It is too little then, and more memory may be taken than nfsd means to; from 6.14 on there is no such
 * limit. A client that comes before its going is seen still has one slot, until it mounts anew. Thread-safe.
 */
public final class SessionSlots {
    private static final System.Logger LOG = System.getLogger(SessionSlots.class.getName());
    private static final Path RUN = Path.of("/run");
    private static final long IDLE_SECONDS = 10;

    private final Node node;
    private final NfsdFs nfsd;
    private final Map<ServiceName, Set<String>> clients = new HashMap<>();
    private final ExecutorService thread;
    private boolean looked;
    private volatile boolean any;
    private String complaint = "";

    public SessionSlots(Node node, NfsdFs nfsd) {
        this.node = node;
        this.nfsd = nfsd;
        // One at work and one that waits: what is to be done for more is the same. It may hang as long as any nfsd does (nfsd_mutex).
        this.thread = new ThreadPoolExecutor(0, 1, IDLE_SECONDS, TimeUnit.SECONDS, new ArrayBlockingQueue<>(1), task -> {
            Thread made = new Thread(task, "session slots");
            made.setDaemon(true);
            return made;
        }, new ThreadPoolExecutor.DiscardPolicy());
    }

    /** Whether there is anything to do on this kernel. */
    private boolean matter() throws IOException {
        return KernelVersion.parse(node.kernelRelease()).sessionsShareMemory();
    }

    /**
     * @param now the service's NFSv4 clients, by numbers that are not used again
     * @return whether some have gone since the last look
     */
    synchronized boolean see(ServiceName name, Set<String> now) throws IOException {
        Set<String> before = clients.put(name, now);
        boolean gone = before != null && !now.containsAll(before);
        if (gone && matter()) {
            putRight();
        }
        return gone;
    }

    /** @param names services that are here: with any other its clients have gone; who went before the first look is not known */
    synchronized void retain(Set<ServiceName> names) throws IOException {
        any = !names.isEmpty();
        boolean unknown = any && !looked;
        looked = true;
        boolean gone = clients.entrySet().stream().anyMatch(each -> !names.contains(each.getKey()) && !each.getValue().isEmpty());
        clients.keySet().retainAll(names);
        if ((gone || unknown) && matter()) {
            putRight();
        }
    }

    /** Where no nfsd is left, the next start does it. */
    private boolean isForAnybody() throws IOException, InterruptedException {
        return any || node.in(Namespaces.HOST, nfsd::runs);
    }

    private void putRight() {
        thread.execute(() -> {
            try {
                if (isForAnybody()) {
                    node.apart(this::makeAndDropServer);
                }
                told("");
            } catch (IOException e) {
                told(String.valueOf(e.getMessage()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private Void makeAndDropServer() throws IOException {
        // The node's rpcbind has its socket there, and must not hear of this server.
        node.kernel().mount("tmpfs", RUN, "tmpfs", MountCalls.MS_NOSUID, "size=4k");
        node.kernel().mount("nfsd", MountNamespace.NFSD, "nfsd", 0, null);
        nfsd.makeAndDropServer();
        return null;
    }

    /** Once, not each time. */
    private synchronized void told(String problem) {
        if (!problem.equals(complaint) && !problem.isEmpty()) {
            LOG.log(System.Logger.Level.WARNING, "new NFSv4.1 clients may get sessions of one slot, until any service starts here: "
                    + problem);
        }
        complaint = problem;
    }
}
