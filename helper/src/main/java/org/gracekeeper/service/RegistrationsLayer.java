// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.protocol.OcfException;

/**
 * What clients ask for first answers: statd and mountd, which {@link DaemonsLayer} has started. They become ready while
 * the server is started, which needs neither before its first client.
 */
final class RegistrationsLayer implements Layer {
    private final Node node;
    private final DaemonUnits units;
    private final Processes processes;

    RegistrationsLayer(Node node, DaemonUnits units, Processes processes) {
        this.node = node;
        this.units = units;
        this.processes = processes;
    }

    @Override
    public String name() {
        return "registrations";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        Instance instance = operation.instance();
        if (operation.service().config().hasNfsV3()) {
            units.await(operation, "statd", () -> node.in(instance.network(),
                    () -> RpcClient.registered(RpcClient.STATD, 1)));
            units.await(operation, "mountd", () -> node.in(instance.network(),
                    () -> RpcClient.registered(RpcClient.MOUNTD, 3)));
        } else {
            units.await(operation, "mountd", () -> processes.find(instance.netnsFile(), "rpc.mountd").isPresent());
        }
    }

    @Override
    public void down(Operation operation) {}

    @Override
    public Optional<String> check(Operation operation) {
        return Optional.empty();
    }
}
