// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.standby.Standby;
import org.gracekeeper.service.state.Instance;

/** The service's network and mount namespace, with what its daemons see of the file system: those that were prepared, or new ones. */
public final class NamespacesLayer implements Layer {
    private final Node node;
    private final ServiceNamespaces namespaces;
    private final MountNamespace mounts;
    private final Standby standby;

    public NamespacesLayer(Node node, ServiceNamespaces namespaces, MountNamespace mounts, Standby standby) {
        this.node = node;
        this.namespaces = namespaces;
        this.mounts = mounts;
        this.standby = standby;
    }

    @Override
    public String name() {
        return "namespaces";
    }

    @Override
    public void up(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        boolean prepared = standby.adopt(operation);
        if (!prepared) {
            namespaces.make(instance, operation.deadline());
        }
        node.in(instance.inside(), () -> {
            if (!prepared) {
                mounts.mountOwn();
            }
            mounts.mountService(operation.service());
            return null;
        });
    }

    @Override
    public boolean wasPrepared(Operation operation) {
        return standby.isAdopted(operation.instance());
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        IOException failure = null;
        if (namespaces.isPinned(instance)) {
            try {
                node.in(instance.inside(), () -> {
                    mounts.unmountAll();
                    return null;
                });
            } catch (IOException e) {
                failure = e;
            }
        }
        namespaces.remove(instance);
        standby.forget(instance);
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        return namespaces.missing(operation.instance());
    }
}
