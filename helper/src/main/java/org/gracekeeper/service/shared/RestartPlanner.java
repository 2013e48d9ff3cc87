// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.service.release.NlmLeftovers;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Bounded;

/**
 * What a restart of the node's own nfsd does before it is stopped: all that may fail or hang. Nobody notices a restart that ends
 * here. To be called by who has the {@link RestartGate}. Thread-safe as far as restarts do not overlap.
 */
public final class RestartPlanner {
    private static final System.Logger LOG = System.getLogger(RestartPlanner.class.getName());
    /** For what one service is asked. */
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final NodeServer server;
    private final SharedServices services;
    private final SharedRecordsLayer records;
    private final RestartHosts hosts;
    private final RestartClients clients;
    private final NlmLeftovers leftovers;

    public RestartPlanner(NodeServer server, SharedServices services, SharedRecordsLayer records, RestartHosts hosts,
            RestartClients clients, NlmLeftovers leftovers) {
        this.server = server;
        this.services = services;
        this.records = records;
        this.hosts = hosts;
        this.clients = clients;
        this.leftovers = leftovers;
    }

    /**
     * To be asked before a service has a restart together with others: it is refused alone. Should a mount come later, the others
     * have their restart all the same, and this one is refused when its clients could come ({@link NodeGrace#require}): lockd, that
     * goes on, is in no grace.
     *
     * @throws IOException its hosts could reclaim nothing
     */
    void admit(ArrivingService arriving) throws IOException {
        List<String> mounts = arriving.hosts() ? leftovers.ownMounts() : List.of();
        if (!mounts.isEmpty()) {
            throw new IOException("this node has mounts over NFSv3 itself (" + mounts.get(0) + "), which keep lockd running:"
                    + " it cannot get a grace period, and the service's NFSv3 hosts would lose their locks; unmount them, mount"
                    + " over NFSv4, or use grace=none");
        }
    }

    /** @throws IOException nfsd does not run, or NFSv4 clients that arrive could not reclaim */
    RestartPlan plan(List<ArrivingService> arriving) throws IOException, InterruptedException {
        if (!server.runs()) {
            throw notRunning();
        }
        boolean lockdEnds = leftovers.ownMounts().isEmpty();
        List<RunningService> sharing = services.open();
        for (RunningService service : sharing) {
            gather(service);
        }
        NsmState number = hosts.keep();
        Set<String> holders = clients.holders();
        clients.tellMeetings(arriving, holders);
        boolean recorded = clients.record(arriving, holders);
        int threads = server.threads();
        if (threads == 0) {
            throw notRunning(); // somebody has stopped it meanwhile, and there is no start with none
        }
        return new RestartPlan(new RestartState.Unfinished(threads, RestartPlan.scope(arriving, sharing)), recorded,
                leftovers.paths(lockdEnds), sharing, number);
    }

    /**
     * The last that is done before it is stopped, when nobody can come any more.
     *
     * @throws IOException hosts that have just come would not be told
     */
    void lastLook() throws IOException, InterruptedException {
        hosts.keepLast(); // first: a host that has nothing any more is none of statd's
        // Where lockd goes on its locks stay, and nobody would reclaim them.
        if (leftovers.ownMounts().isEmpty()) {
            leftovers.endWaiting();
        }
    }

    private static IOException notRunning() {
        return new IOException("the node's own nfsd does not run: start nfs-server.service");
    }

    private void gather(RunningService service) throws InterruptedException {
        try {
            Bounded.run("records of " + service.config().name(), LIMIT, () -> records.gatherNow(service));
        } catch (IOException e) {
            // As they were at its last monitor, then: one service's storage must not keep the others waiting.
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
        }
    }
}
