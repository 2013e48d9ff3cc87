// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.node.KernelVersion;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.server.NfsServers;
import org.gracekeeper.task.Bounded;

/** What NLM has that a stop of the node's own nfsd does not take with it in order, and what keeps lockd running. Thread-safe. */
public final class NlmLeftovers {
    private static final System.Logger LOG = System.getLogger(NlmLeftovers.class.getName());
    /** For the locks of one file system. */
    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final Path MOUNTS = Path.of("/proc/1/mounts");

    private final Node node;
    private final NfsServers servers;
    private final Holdings holdings;
    private final NlmRelease nlm;

    public NlmLeftovers(Node node, NfsServers servers, Holdings holdings, NlmRelease nlm) {
        this.node = node;
        this.servers = servers;
        this.holdings = holdings;
        this.nlm = nlm;
    }

    /** Where the node has mounted something itself that keeps lockd running. */
    public List<String> ownMounts() throws IOException {
        return nlmMounts(new String(node.kernel().read(MOUNTS, 4 << 20), StandardCharsets.UTF_8));
    }

    /** What is mounted over NFSv3, with locks that go to the server (fs/nfs/client.c, nfs_start_lockd). */
    static List<String> nlmMounts(String mounts) {
        return mounts.lines().map(line -> line.split(" ")).filter(f -> f.length > 3 && f[2].equals("nfs")
                && f[3].contains("vers=3") && !f[3].contains("local_lock=all")).map(f -> f[1]).toList();
    }

    /**
     * Where those locks are. Before 6.3 nfsd's stop leaves them as long as anything else on the node uses lockd, a service of its
     * own for one.
     *
     * @param lockdEnds whether nothing of {@link #ownMounts} keeps lockd running: then they stay, as lockd does
     */
    public List<Path> paths(boolean lockdEnds) throws IOException, InterruptedException {
        return lockdEnds && KernelVersion.parse(node.kernelRelease()).unlockFilesystemIsNlmOnly()
                ? places(holdings.nlmDevices()) : List.of();
    }

    private List<Path> places(Set<DeviceId> devices) throws IOException, InterruptedException {
        List<Path> paths = new ArrayList<>();
        if (!devices.isEmpty()) {
            List<NfsServers.Server> all = servers.all();
            MountTable mounts = servers.mounts();
            for (DeviceId device : devices) {
                if (!NfsServers.isServices(device, all)) {
                    mounts.whole(device).ifPresent(mount -> paths.add(mount.point()));
                }
            }
        }
        return paths;
    }

    /**
     * To be called just before nfsd is stopped, when nobody can come any more, and lockd ends with it. As nfsd stops, locks of NFSv4
     * clients go before lockd does (fs/nfsd/nfssvc.c, nfsd_shutdown_net): lockd would give them to hosts that wait, and call these back
     * (fs/lockd/svclock.c, nlmsvc_grant_blocked), whatever ports are shut, while the NFSv4 client still believes in its lock. There
     * is nothing that ends waiting alone; where somebody waits, the file system's NLM locks go some moments earlier than all others.
     * Should nfsd not stop after that, which is not known to happen, hosts have lost them.
     */
    public void endWaiting() throws InterruptedException {
        List<Path> paths = Collections.synchronizedList(new ArrayList<>());
        try {
            Bounded.run("a look for NFSv3 hosts that wait", LIMIT, () -> paths.addAll(places(holdings.nlmWaiterDevices())));
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
            return;
        }
        release(List.copyOf(paths));
    }

    /** One that cannot be released is reclaimed by the host that has it. */
    public void release(List<Path> paths) throws InterruptedException {
        for (Path path : paths) {
            try {
                Bounded.run("release of the NLM locks on " + path, LIMIT, () -> nlm.release(path));
            } catch (IOException e) {
                LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
            }
        }
    }
}
