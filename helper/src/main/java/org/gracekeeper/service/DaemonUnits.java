// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The systemd units of a service's daemons: started and stopped. Thread-safe. */
final class DaemonUnits {
    private final Node node;

    DaemonUnits(Node node) {
        this.node = node;
    }

    /** Does not wait for systemd: what becomes of it shows when the daemon is waited for. */
    void requestStart(Operation operation, List<String> daemons) throws IOException {
        requestStart(operation.instance(), daemons, operation.deadline());
    }

    void requestStart(Instance instance, List<String> daemons, Deadline deadline) throws IOException {
        systemctl(deadline, List.of("--no-block", "start"), daemons.stream().map(instance::unit).toList());
    }

    /** Restarts daemons of a service that runs; does not wait for it. */
    void requestRestart(Instance instance, List<String> daemons, Deadline deadline) throws IOException {
        List<String> argv = new ArrayList<>(List.of("systemctl", "--no-block", "restart"));
        daemons.forEach(daemon -> argv.add(instance.unit(daemon)));
        node.run(deadline, argv.toArray(String[]::new));
    }

    /**
     * Never waits: while the node shuts down these units' stop jobs wait for Pacemaker's, which waits for the service's
     * stop. The job's only purpose is that systemd does not restart what is ended.
     */
    void requestStop(Instance instance, Deadline deadline) throws IOException {
        systemctl(deadline, List.of("--no-block", "stop"), instance.units());
    }

    private void systemctl(Deadline deadline, List<String> verb, List<String> units) throws IOException {
        List<String> argv = new ArrayList<>(List.of("systemctl"));
        argv.addAll(verb);
        argv.addAll(units);
        node.run(deadline, argv.toArray(String[]::new));
    }
}
