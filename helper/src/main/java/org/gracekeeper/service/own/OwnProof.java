// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.nio.file.Files;
import org.gracekeeper.node.Processes;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.Proof;
import org.gracekeeper.service.standby.Standbys;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.Registry;

/** Of a service with an nfsd instance of its own: all of it is in its namespaces. Thread-safe. */
public final class OwnProof implements Proof {
    private final Registry registry;
    private final Processes processes;
    private final Holdings holdings;
    private final Standbys standbys;

    public OwnProof(Registry registry, Processes processes, Holdings holdings, Standbys standbys) {
        this.registry = registry;
        this.processes = processes;
        this.holdings = holdings;
        this.standbys = standbys;
    }

    @Override
    public String require(Operation operation) throws IOException {
        Instance instance = operation.instance();
        // Before its claim a start has not come to the standby, which stays.
        boolean prepared = standbys.stands(instance.name()) && !registry.isClaimed(instance.name());
        if (!prepared && Files.exists(instance.netnsFile())) {
            var left = processes.in(instance.netnsFile());
            throw new IOException("network namespace " + instance.netns() + " is still there"
                    + (left.isEmpty() ? "" : ", with " + left));
        }
        if (!registry.isClaimed(instance.name())) {
            // Its start was refused, perhaps because of a service that has its file systems: clients have locks there, and may.
            return "no namespace, no process left";
        }
        holdings.requireNone(operation.service());
        return "no namespace, no process, no lock of an NFS client left";
    }
}
