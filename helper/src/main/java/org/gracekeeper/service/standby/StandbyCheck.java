// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.daemons.HealthProbe;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.sys.NamespaceSet;
import org.gracekeeper.sys.Namespaces;

/** Whether a standby is what a start needs: by what the kernel has, since weeks may have passed since it was made. Thread-safe. */
public final class StandbyCheck {
    private final Node node;
    private final Standbys standbys;
    private final StandbySite site;
    private final ServiceNamespaces namespaces;
    private final MountNamespace mounts;
    private final ServiceLink link;
    private final HealthProbe probe;

    public StandbyCheck(Node node, Standbys standbys, StandbySite site, ServiceNamespaces namespaces, MountNamespace mounts,
            ServiceLink link, HealthProbe probe) {
        this.node = node;
        this.standbys = standbys;
        this.site = site;
        this.namespaces = namespaces;
        this.mounts = mounts;
        this.link = link;
        this.probe = probe;
    }

    /** As {@link #problem}, of one that nobody works on: its rpcbind has had the time to get ready. */
    Optional<String> problemAtRest(ServiceName name, StandbyPlan wanted) throws IOException, InterruptedException {
        Optional<String> problem = problem(name, wanted);
        if (problem.isEmpty() && wanted.nfsV3() && probe.ask(new Instance(name), "rpcbind") != RpcClient.Answer.YES) {
            problem = Optional.of("its rpcbind does not answer");
        }
        return problem;
    }

    /** Why what stands is of no use for what is wanted now; empty when it is of use. Changes nothing. */
    Optional<String> problem(ServiceName name, StandbyPlan wanted) throws IOException, InterruptedException {
        Instance instance = new Instance(name);
        Optional<StandbyRecord> record = standbys.record(name);
        if (record.isEmpty() || !record.get().isComplete()) {
            return Optional.of("it did not become complete, or another version made it");
        }
        Optional<String> problem = record.get().basis().differsFrom(site.basis(wanted));
        if (problem.isEmpty()) {
            problem = namespaces.missing(instance);
        }
        if (problem.isEmpty() && !namespaces.numbers(instance).equals(record.get().namespaces())) {
            problem = Optional.of("its namespaces are others now");
        }
        if (problem.isEmpty()) {
            problem = link.standbyProblem(instance, record.get().device());
        }
        if (problem.isEmpty()) {
            problem = node.in(instance.inside(), mounts::standbyProblem);
        }
        return problem;
    }

    /**
     * What the service's daemons would see otherwise than the node does: a file system does not come by itself where it was mounted
     * on a mount that is not shared.
     */
    Optional<String> unseen(RunningService service) throws IOException, InterruptedException {
        List<Path> paths = Stream.concat(Stream.of(service.state().root()),
                service.exports().stream().map(PlannedExport::directory)).toList();
        List<Map<String, Object>> there = places(Namespaces.HOST, paths);
        List<Map<String, Object>> here = places(service.inside(), paths);
        for (int i = 0; i < paths.size(); i++) {
            if (!here.get(i).equals(there.get(i))) {
                return Optional.of("its mount namespace has another directory at " + paths.get(i) + " than the node");
            }
        }
        return Optional.empty();
    }

    private List<Map<String, Object>> places(NamespaceSet where, List<Path> paths) throws IOException, InterruptedException {
        return node.in(where, () -> {
            List<Map<String, Object>> places = new ArrayList<>();
            for (Path path : paths) {
                places.add(Files.readAttributes(path, "unix:dev,ino"));
            }
            return places;
        });
    }
}
