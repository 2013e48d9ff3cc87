// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.node.ServerDoors;
import org.gracekeeper.service.release.NlmLeftovers;
import org.gracekeeper.task.Step;

/**
 * The stop and the start of the node's own nfsd, as a restart has them, with its ports shut in between. To be called by who has
 * the {@link RestartGate}. Whatever becomes of the stop, nfsd is started: without it nobody is served. Thread-safe as far as
 * restarts do not overlap.
 */
public final class RestartCycle {
    private static final System.Logger LOG = System.getLogger(RestartCycle.class.getName());
    private static final int ATTEMPTS = 5;

    private final NodeServer server;
    private final ServerDoors doors;
    private final NlmLeftovers leftovers;
    private final RestartState state;
    private final Duration pause;

    /** @param pause between two attempts to start nfsd */
    public RestartCycle(NodeServer server, ServerDoors doors, NlmLeftovers leftovers, RestartState state, Duration pause) {
        this.server = server;
        this.doors = doors;
        this.leftovers = leftovers;
        this.state = state;
        this.pause = pause;
    }

    /**
     * @param nlmPaths where NLM locks are that the stop leaves
     * @param doorsMatter whether it is not to be stopped where its ports cannot be shut, or the last look fails
     * @param lastLook at who is there, when nobody comes any more
     * @throws IOException it was not stopped, and has been left as it was; or it does not start
     */
    void run(RestartState.Unfinished restart, List<Path> nlmPaths, boolean doorsMatter, Step lastLook)
            throws IOException, InterruptedException {
        state.begin(restart);
        Exception failed = null;
        boolean stopped = true;
        boolean shut = false;
        try {
            shut = attempt(doorsMatter, "its ports stay open", doors::shut);
            attempt(doorsMatter, "hosts that have just come may not be told", lastLook);
            server.stop();
        } catch (IOException | InterruptedException | RuntimeException e) {
            failed = e;
            stopped = !runsForSure();
        }
        if (stopped) {
            leftovers.release(nlmPaths);
        }
        start(restart, shut);
        if (!stopped) {
            state.finished(); // without grace nobody could reclaim, and nobody has to be told
            throw new IOException("nfsd was not restarted: " + failed.getMessage(), failed);
        }
        if (failed != null) {
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + failed.getMessage());
        }
    }

    /**
     * As often as it takes, within reason. Where nfsd runs, its ports are opened.
     *
     * @param shut whether they may be shut: else it is no failure that they cannot be opened
     * @throws IOException it does not start, or its ports stay shut
     */
    void start(RestartState.Unfinished restart, boolean shut) throws IOException, InterruptedException {
        IOException last = null;
        for (int i = 0; i < ATTEMPTS; i++) {
            try {
                if (!server.runs()) {
                    // First: it may run although rpc.nfsd fails, and its hosts have to be told of it.
                    state.forgetTold();
                    server.start(restart.threads(), restart.scope());
                }
                if (server.runs()) {
                    openDoors(shut);
                    return;
                }
            } catch (IOException e) {
                last = e;
            }
            Thread.sleep(pause.toMillis());
        }
        throw new IOException("the node's own nfsd does not start again, or its ports stay shut: see the kernel's log, 'rpc.nfsd "
                + restart.threads() + "' and 'nft list ruleset'", last);
    }

    /**
     * @param matters whether it is a reason not to go on that it fails
     * @return whether it is done
     */
    private static boolean attempt(boolean matters, String otherwise, Step step) throws IOException, InterruptedException {
        try {
            step.run();
            return true;
        } catch (IOException e) {
            if (matters) {
                throw e;
            }
            // A stop: to have the node fenced would cost everybody more.
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + otherwise + ": " + e.getMessage());
            return false;
        }
    }

    private void openDoors(boolean shut) throws IOException, InterruptedException {
        try {
            doors.open();
        } catch (IOException e) {
            if (shut) {
                throw e;
            }
            LOG.log(System.Logger.Level.WARNING, "restart of nfsd: " + e.getMessage());
        }
    }

    private boolean runsForSure() throws InterruptedException {
        try {
            return server.runs();
        } catch (IOException e) {
            return false;
        }
    }
}
