// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Set;
import java.util.stream.Collectors;
import org.gracekeeper.model.DeviceId;

/** Of a service with an nfsd instance of its own: all of it is in its namespaces. Thread-safe. */
final class OwnProof implements Proof {
    private final Registry registry;
    private final Processes processes;
    private final Holdings holdings;

    OwnProof(Registry registry, Processes processes, Holdings holdings) {
        this.registry = registry;
        this.processes = processes;
        this.holdings = holdings;
    }

    @Override
    public String require(Operation operation) throws IOException {
        Instance instance = operation.instance();
        if (Files.exists(instance.netnsFile())) {
            var left = processes.in(instance.netnsFile());
            throw new IOException("network namespace " + instance.netns() + " is still there"
                    + (left.isEmpty() ? "" : ", with " + left));
        }
        holdings.requireNone(operation.service(), devicesOfOthers(operation.service()));
        return "no namespace, no process, no lock of an NFS client left";
    }

    /**
     * Where another service that serves has a file system of this one's, this one's start was refused for that and is being
     * taken down: clients have locks there, and may.
     */
    private Set<DeviceId> devicesOfOthers(RunningService service) {
        try {
            return registry.others(service.config().name()).stream().filter(RunningService::opened)
                    .flatMap(other -> other.devices().stream()).collect(Collectors.toSet());
        } catch (IOException e) {
            return Set.of(); // one of them is damaged: the proof asks for too much rather than too little
        }
    }
}
