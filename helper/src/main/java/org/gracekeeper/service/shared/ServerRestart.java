// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;

/**
 * Restarts the node's own nfsd, so that all of its clients reclaim, with those of services that have just come: nothing else
 * gives a running lockd or nfsd a grace period. Services that come together have one restart ({@link RestartRounds}). All that
 * may fail or hang is done before nfsd is stopped ({@link RestartPlanner}); from then on a thread of its own goes on, whoever gives
 * up waiting, until nfsd runs again ({@link RestartCycle}) and its hosts have been told ({@link RestartHosts}). Thread-safe.
 */
public final class ServerRestart {
    private static final System.Logger LOG = System.getLogger(ServerRestart.class.getName());
    /** Nobody else has come for so long; also between two attempts to start nfsd. */
    public static final Duration PAUSE = Duration.ofSeconds(2);

    private final Node node;
    private final NodeLockd nodeLockd;
    private final SharedServices services;
    private final SharedRecordsLayer records;
    private final RestartGate gate;
    private final RestartPlanner planner;
    private final RestartCycle cycle;
    private final RestartClients clients;
    private final RestartHosts hosts;
    private final RestartState state;
    private final RestartRounds rounds;

    /** @param pause usually {@link #PAUSE} */
    public ServerRestart(Node node, NodeLockd nodeLockd, SharedServices services, SharedRecordsLayer records, RestartGate gate,
            RestartPlanner planner, RestartCycle cycle, RestartClients clients, RestartHosts hosts, RestartState state,
            Duration pause) {
        this.node = node;
        this.nodeLockd = nodeLockd;
        this.services = services;
        this.records = records;
        this.gate = gate;
        this.planner = planner;
        this.cycle = cycle;
        this.clients = clients;
        this.hosts = hosts;
        this.state = state;
        this.rounds = new RestartRounds(services, pause, (arriving, served) ->
                restart(arriving.stream().map(ArrivingService::operation).toList(), arriving, served));
    }

    /**
     * For a service that starts: returns when nfsd has restarted since, and knows the service's NFSv4 clients. Where nobody is
     * known who would reclaim, nothing is done.
     *
     * @throws IOException nfsd does not run, or cannot get a grace period here
     */
    void join(Operation operation) throws IOException, InterruptedException {
        // Here, on its own thread: storage that hangs must not keep the others of the round waiting.
        ArrivingService arriving = ArrivingService.of(operation, records);
        if (arriving.isEmpty()) {
            operation.info("nobody has anything to reclaim: the node's nfsd goes on");
            return;
        }
        planner.admit(arriving);
        rounds.join(arriving, operation.deadline());
    }

    /** For a stop that can release what it has to in no other way: at once. */
    void now(Operation operation) throws IOException, InterruptedException {
        RestartThread.begin("restart of nfsd", served -> restart(List.of(operation), List.of(), served))
                .await(operation.deadline());
    }

    /**
     * Finishes what a helper began that was killed, or what failed: nfsd that was stopped is started, its hosts are told; where it
     * was not, nobody is recorded for a restart any more. Does nothing otherwise.
     *
     * @throws IOException it does not start, or not by the deadline; that goes on
     */
    public void finish(Deadline deadline) throws IOException, InterruptedException {
        if (state.isUnfinished() || state.hasRecorded()) {
            RestartThread.begin("end of a restart of nfsd", this::finish).await(deadline);
        }
    }

    private void finish(Runnable served) throws IOException, InterruptedException {
        gate.restart(() -> {
            // As it is now: whoever had the gate may have finished it.
            Optional<RestartState.Unfinished> left = state.unfinished();
            if (left.isPresent()) {
                LOG.log(System.Logger.Level.WARNING, "a restart of nfsd did not end: going on with it");
                nodeLockd.untouched(() -> cycle.start(left.get(), true));
                List<RunningService> sharing = services.open();
                runsAgain(sharing, served);
                hosts.tellAnew(sharing);
                state.finished();
            }
            clients.takeBack();
        });
    }

    /** Where nobody has anything to reclaim any more, who had to be told is forgotten. */
    void recovered() throws IOException, InterruptedException {
        gate.tryLook(hosts::forget);
    }

    /**
     * @param asking those in whose names it is done
     * @param arriving those of them whose clients need grace; where there is none, nfsd only forgets
     * @param served is run when nfsd runs again: what comes then concerns others
     */
    private void restart(List<Operation> asking, List<ArrivingService> arriving, Runnable served)
            throws IOException, InterruptedException {
        gate.restart(() -> {
            RestartPlan plan = stopAndStart(asking, arriving);
            if (plan.recorded()) {
                clients.verify(asking);
            }
            runsAgain(plan.sharing(), served);
            hosts.tell(plan.sharing(), plan.number());
            state.forgetRecorded();
            state.finished();
        });
    }

    private RestartPlan stopAndStart(List<Operation> asking, List<ArrivingService> arriving) throws IOException, InterruptedException {
        try {
            RestartPlan plan = planner.plan(arriving);
            asking.forEach(operation -> operation.info("restarting the node's nfsd: all of its clients reclaim, and new locks"
                    + " wait meanwhile"));
            nodeLockd.untouched(() -> cycle.run(plan.start(), plan.nlmPaths(), !arriving.isEmpty(), planner::lastLook));
            return plan;
        } catch (IOException | InterruptedException | RuntimeException e) {
            if (!state.isUnfinished()) {
                clients.takeBack();
            }
            throw e;
        }
    }

    /** Those that were here before recover, too. From here on nothing is a reason for who asked for the restart to fail. */
    private void runsAgain(List<RunningService> sharing, Runnable served) throws IOException {
        services.recover(sharing, node.bootSeconds());
        served.run();
    }
}
