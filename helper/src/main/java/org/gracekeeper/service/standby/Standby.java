// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.daemons.DaemonUnits;
import org.gracekeeper.service.daemons.DaemonsLayer;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Errors;
import org.gracekeeper.task.Step;
import org.gracekeeper.task.Waiting;

/**
 * What is prepared for a service on a node where it does not run, since it needs neither its storage nor its addresses: the
 * namespaces, the device, down and without addresses, the firewall, and rpcbind. The start takes it over as it is, or takes it down
 * and makes all anew. It is never what the service has run in: connections of before would answer its clients. Thread-safe; for one
 * service by who has its slot.
 */
public final class Standby {
    private static final Duration UNDO = Duration.ofSeconds(20);
    private static final Duration ROOM = Duration.ofSeconds(5);

    private final Node node;
    private final Standbys standbys;
    private final StandbySite site;
    private final StandbyCheck check;
    private final ServiceNamespaces namespaces;
    private final MountNamespace mounts;
    private final ServiceLink link;
    private final Firewall firewall;
    private final DaemonUnits units;
    private final DaemonsLayer daemons;
    private final ServiceSlots slots;

    public Standby(Node node, Standbys standbys, StandbySite site, StandbyCheck check, ServiceNamespaces namespaces,
            MountNamespace mounts, ServiceLink link, Firewall firewall, DaemonUnits units, DaemonsLayer daemons, ServiceSlots slots) {
        this.node = node;
        this.standbys = standbys;
        this.site = site;
        this.check = check;
        this.namespaces = namespaces;
        this.mounts = mounts;
        this.link = link;
        this.firewall = firewall;
        this.units = units;
        this.daemons = daemons;
        this.slots = slots;
    }

    /**
     * Takes it over for a start that has made its claim. One that does not fit is taken down.
     *
     * @return whether the namespaces, the device and the firewall are there, and an rpcbind that may not answer yet if the service needs one
     */
    public boolean adopt(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        if (!standbys.stands(instance.name())) {
            return false;
        }
        Optional<String> problem;
        try {
            problem = check.problem(instance.name(), StandbyPlan.needed(operation.service()));
            problem = problem.isPresent() ? problem : check.unseen(operation.service());
        } catch (IOException | RuntimeException e) {
            problem = Optional.of(String.valueOf(e.getMessage()));
        }
        if (problem.isEmpty()) {
            standbys.adopt(instance.name());
            return true;
        }
        operation.info("what was prepared for it is not used: " + problem.get());
        try {
            drop(instance.name(), operation.deadline());
        } catch (IOException e) {
            // Whether the rest of it is in the way shows when the namespaces are made.
            operation.warn("what was prepared for it cannot be taken down: " + e.getMessage());
        }
        return false;
    }

    public boolean isAdopted(Instance instance) {
        return standbys.isAdopted(instance.name());
    }

    public void spend(Instance instance) throws IOException {
        standbys.spend(instance.name());
    }

    /** Of a service that is taken down nothing is left, whether its start had come to its standby or not. */
    public void forget(Instance instance) throws IOException {
        standbys.forget(instance.name());
    }

    /**
     * A parent carries one kind of devices: those of the other that are prepared on the operation's go. Where one cannot go, since an
     * action on its service is under way, the kernel decides.
     */
    public void makeRoom(Operation operation) throws InterruptedException {
        StandbyPlan wanted = StandbyPlan.needed(operation.service());
        Deadline deadline = operation.deadline().part(ROOM);
        try {
            for (ServiceName name : standbys.standing()) {
                Optional<StandbyPlan> other = standbys.record(name).map(record -> record.basis().plan());
                if (other.filter(wanted::excludes).isPresent()) {
                    operation.info("what is prepared for service " + name + " goes: device " + wanted.parent() + " is to carry "
                            + wanted.linkType().kind());
                    // On a thread of its own: a stop of that service interrupts who has its slot.
                    Bounded.run("standby of " + name, deadline.remaining(),
                            () -> Waiting.until(deadline, () -> slots.whileIdle(name, () -> dropIdle(name, deadline))));
                }
            }
        } catch (IOException e) {
            operation.warn("what is prepared for another service cannot be taken down: " + e.getMessage());
        }
    }

    private void dropIdle(ServiceName name, Deadline deadline) throws IOException, InterruptedException {
        // Its start may have taken it over meanwhile.
        if (standbys.stands(name)) {
            drop(name, deadline);
        }
    }

    /**
     * Makes it, for a service that is not recorded. On failure, and on an interrupt, nothing of it is left, or it is still among
     * {@link Standbys#standing()}.
     */
    void prepare(ServiceName name, StandbyPlan plan, Deadline deadline) throws IOException, InterruptedException {
        Instance instance = new Instance(name);
        if (namespaces.any(instance)) {
            throw new IOException("there are namespaces of its name: a stop of the service takes them down");
        }
        StandbyRecord record = StandbyRecord.begun(site.basis(plan));
        standbys.record(name, record);
        try {
            namespaces.make(instance, deadline);
            node.in(instance.inside(), () -> {
                mounts.detachStrays();
                mounts.mountOwn();
                return null;
            });
            link.make(instance, plan);
            firewall.prepare(instance, plan.nfsV3(), deadline);
            if (plan.nfsV3()) {
                units.requestStart(instance, List.of("rpcbind"), deadline);
            }
            standbys.record(name, record.complete(namespaces.numbers(instance), link.index(instance)));
        } catch (IOException | InterruptedException | RuntimeException e) {
            // The interrupt has done its work; what follows has to run undisturbed.
            boolean interrupted = Thread.interrupted() || e instanceof InterruptedException;
            try {
                drop(name, Deadline.after(UNDO));
            } catch (IOException | RuntimeException left) {
                e.addSuppressed(left);
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            throw e;
        }
    }

    /** Takes it down, as far as it is there, past every error. */
    void drop(ServiceName name, Deadline deadline) throws IOException, InterruptedException {
        Instance instance = new Instance(name);
        Errors errors = new Errors();
        for (Step step : List.<Step>of(() -> daemons.down(instance, deadline), () -> link.remove(instance),
                () -> namespaces.remove(instance))) {
            errors.collect(step);
        }
        if (!namespaces.any(instance)) {
            standbys.forget(name);
        }
        errors.rethrow();
    }
}
