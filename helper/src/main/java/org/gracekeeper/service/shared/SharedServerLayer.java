// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.NfsServerUnit;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;

/** The node's own nfsd. A service's start may have it restarted, its stop takes away what is held of the service. */
public final class SharedServerLayer implements Layer {
    private static final long PAUSE_MILLIS = 500;

    private final Node node;
    private final NfsdFs nfsd;
    private final NodeServer server;
    private final NodeGrace grace;
    private final ServerRestart restart;
    private final RestartGate gate;
    private final SharedRelease release;
    private final Registry registry;
    private final LeaseGuard leases;
    private final ShutdownOrder order;
    private final NfsServerUnit unit;
    private final SharedOwners owners;
    private final ClusterAttribute attribute;
    private final ServerLook look;
    private final ServerPing ping;

    public SharedServerLayer(Node node, NfsdFs nfsd, NodeServer server, NodeGrace grace, ServerRestart restart, RestartGate gate,
            SharedRelease release, Registry registry, LeaseGuard leases, ShutdownOrder order, NfsServerUnit unit,
            SharedOwners owners, ClusterAttribute attribute, ServerLook look, ServerPing ping) {
        this.node = node;
        this.nfsd = nfsd;
        this.server = server;
        this.grace = grace;
        this.restart = restart;
        this.gate = gate;
        this.release = release;
        this.registry = registry;
        this.leases = leases;
        this.order = order;
        this.unit = unit;
        this.owners = owners;
        this.attribute = attribute;
        this.look = look;
        this.ping = ping;
    }

    @Override
    public String name() {
        return "server";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        restart.finish(operation.deadline());
        awaitBoot(operation);
        if (!server.runs()) {
            throw new OcfException(OcfCode.GENERIC, "the node's own nfsd does not run, and instance=node needs it: start"
                    + " nfs-server.service on every node (systemctl enable --now nfs-server), before the service");
        }
        order.begin(operation);
        // Locks under a delegation are as lost after a restart of this nfsd as after a move.
        leases.update();
        int graceTime = node.in(Namespaces.HOST, nfsd::graceTime);
        registry.update(operation.instance().name(), service -> service.withGraceTime(graceTime));
        if (operation.service().config().shared().orElseThrow().restart()) {
            warn(operation, graceTime);
            restart.join(operation);
        }
    }

    /** Of settings of the node's nfsd by which a restart costs clients something. */
    private void warn(Operation operation, int graceTime) throws IOException, InterruptedException {
        int leaseTime = node.in(Namespaces.HOST, nfsd::leaseTime);
        if (graceTime < leaseTime) {
            operation.warn("grace-time of the node's nfsd is " + graceTime + " s, and its lease-time " + leaseTime + " s: NFSv4"
                    + " clients that idle come too late, and lose their locks; make grace-time at least as long, in /etc/nfs.conf");
        }
        try {
            unit.argumentsOfItsOwn(operation.service().config().scope(), operation.deadline())
                    .ifPresent(arguments -> operation.warn("nfs-server.service starts nfsd with \"" + arguments + "\", and a restart"
                            + " by this service without: put that into /etc/nfs.conf instead, see nfs.conf(5)"));
        } catch (IOException e) {
            operation.warn("how nfs-server.service starts nfsd cannot be seen: " + e.getMessage());
        }
    }

    /** Nothing orders Pacemaker after it when the node boots. */
    private void awaitBoot(Operation operation) throws IOException, InterruptedException {
        Deadline patience = operation.deadline().part(operation.deadline().remaining().dividedBy(2));
        while (!server.runs() && !patience.passed() && hasJob(operation, patience)) {
            Thread.sleep(PAUSE_MILLIS);
        }
    }

    private boolean hasJob(Operation operation, Deadline deadline) {
        try {
            return unit.hasJob(deadline);
        } catch (IOException e) {
            operation.warn("whether nfs-server.service is being started cannot be seen: " + e.getMessage());
            return false;
        }
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        // A start that was refused has let nobody in; what is held may be another's.
        if (operation.service().opened()) {
            release.release(operation);
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
        long mark = gate.mark();
        Optional<Boolean> runs = look.runs(Namespaces.HOST);
        // Not told, it may be this one that hangs in its stop: it listens to the end, and answers nobody.
        Optional<String> problem = runs.isEmpty() ? ping.problem(operation) : runs.get() ? Optional.empty()
                : Optional.of("the node's own nfsd does not run any more: see nfs-server.service");
        return gate.disturbed(mark) ? Optional.empty() : problem;
    }

    @Override
    public Optional<String> remark(Operation operation) {
        long mark = gate.mark();
        Optional<String> held = look.remark();
        if (held.isPresent() && !gate.disturbed(mark)) {
            return held;
        }
        try {
            return owners.remark(operation.service());
        } catch (IOException e) {
            operation.warn("whether hosts have come from several nodes cannot be told: " + e.getMessage());
            return Optional.empty();
        }
    }

    /** Its grace began with its last restart, of which a service is not told that was not open yet, nor of any by somebody else. */
    private void endGraceThatIsOver(Operation operation) throws IOException, InterruptedException {
        RunningService service = registry.load(operation.instance().name()).orElse(operation.service());
        double latest = node.bootSeconds() - service.graceTime();
        // systemd last: to ask it is a process of its own, with each monitor of a recovery.
        if (Math.max(service.startedAt(), server.startedAt()) < latest && unit.startedAt(operation.deadline()) < latest) {
            node.in(Namespaces.HOST, () -> {
                nfsd.endV4Grace();
                return null;
            });
        }
    }

    /** Its grace ends by the kernel's clocks; that of NFSv4 does not on every kernel. */
    @Override
    public void tend(Operation operation) throws InterruptedException {
        RunningService service = operation.service();
        try {
            leases.keepOff();
            if (service.recovered()) {
                return;
            }
            if (grace.inGrace()) {
                // Between restarts: one that begins now has its grace before it.
                gate.tryLook(() -> endGraceThatIsOver(operation));
                return;
            }
            double start = service.startedAt();
            registry.update(operation.instance().name(), s -> s.startedAt() == start ? s.withRecovered() : s);
            attribute.set(operation.instance().name(), "serving");
            operation.info("recovery has ended");
            restart.recovered(); // last: it may fail
        } catch (IOException e) {
            operation.warn("the node's nfsd: " + e.getMessage());
        }
    }
}
