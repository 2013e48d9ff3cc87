// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.protocol.Reply.Level;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.release.ClientExpiry;
import org.gracekeeper.service.release.Outcome;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.stack.LayerStack;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.ServiceSlot;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.standby.StandbyProbes;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.Sharing;
import org.gracekeeper.task.Deadline;

/**
 * The actions of the resource agent. One at a time for each service; stop interrupts a start that is under way.
 * Thread-safe.
 */
public final class ServiceManager {
    /** Part of the deadline that a start keeps to undo itself when it fails. */
    private static final double UNDO_SHARE = 0.25;

    private final Map<String, String> defaults;
    private final Registry registry;
    private final HostResolver resolver;
    private final Stacks stacks;
    private final Recovery recovery;
    private final EmergencyStop emergency;
    private final LeaseGuard leases;
    private final ClientExpiry expiry;
    private final Sharing sharing;
    private final ServiceSlots slots;
    private final StandbyProbes probes;

    public ServiceManager(
            Map<String, String> defaults,
            Registry registry,
            HostResolver resolver,
            Stacks stacks,
            Recovery recovery,
            EmergencyStop emergency,
            LeaseGuard leases,
            ClientExpiry expiry,
            Sharing sharing,
            ServiceSlots slots,
            StandbyProbes probes) {
        this.defaults = defaults;
        this.registry = registry;
        this.resolver = resolver;
        this.stacks = stacks;
        this.recovery = recovery;
        this.emergency = emergency;
        this.leases = leases;
        this.expiry = expiry;
        this.sharing = sharing;
        this.slots = slots;
        this.probes = probes;
    }

    /**
     * What an action is called with, and where its log lines go.
     *
     * @param requested when, as {@link System#nanoTime}
     */
    public record Call(String resource, Map<String, String> environment, Deadline deadline, long requested,
            BiConsumer<Level, String> log) {

        /** A part of the action that begins now. */
        private Call again() {
            return new Call(resource, environment, deadline, System.nanoTime(), log);
        }
    }

    /** Parameters alone, or with this host where {@code onHost} is set. */
    public OcfCode validate(Call call, boolean onHost) throws OcfException, IOException {
        ServiceConfig config = config(call);
        if (onHost) {
            resolver.resolve(config, call.deadline(), addressesHere(config.name()));
        }
        return OcfCode.SUCCESS;
    }

    /** @return SUCCESS when the service runs with all its layers, else the call throws */
    public OcfCode start(Call call) throws OcfException, IOException, InterruptedException {
        ServiceConfig config = config(call);
        ServiceSlot slot = slot(config.name());
        int stops = slot.stops();
        // Before the slot: names that cannot be looked up, or storage that hangs, must hold up no stop.
        RunningService resolved = resolver.resolve(config, call.deadline(), addressesHere(config.name()));
        // A stop that has come meanwhile has said that nothing is here: the service may be on another node by now.
        slot.acquire(call.deadline(), true, stops);
        try {
            if (!registry.exists(config.name())) {
                bringUp(resolved, parameters(call), call);
            } else if (runs(config.name(), call)) {
                call.log().accept(Level.INFO, "already running");
            } else {
                call.log().accept(Level.WARN, "found half of the service running: taking it down first");
                takeDown(config.name(), call);
                bringUp(resolved, parameters(call), call.again());
            }
            // Also for one that runs: a helper may have been killed that waited.
            if (config.waitForRecovery()) {
                awaitRecovery(config.name(), call);
            }
            return OcfCode.SUCCESS;
        } finally {
            slot.release();
        }
    }

    /** For who has the service's slot. */
    private boolean runs(ServiceName name, Call call) throws IOException, InterruptedException {
        Optional<RunningService> running;
        try {
            running = registry.load(name);
        } catch (IOException e) {
            return false; // a helper was killed before it had recorded what it begins; takeDown() says the same
        }
        return running.isPresent() && stacks.of(running.get().config()).monitor(operation(running.get(), call)).isEmpty();
    }

    /** @return SUCCESS when nothing of the service is left, else the call throws */
    public OcfCode stop(Call call) throws OcfException, IOException, InterruptedException {
        ServiceName name = ServiceName.ofResource(call.resource());
        ServiceSlot slot = slot(name);
        slot.preempt();
        slot.acquire(call.deadline(), false);
        try {
            if (registry.exists(name)) {
                takeDown(name, call);
            } else if (emergency.isNeeded(name)) {
                emergencyStop(name, call);
            } else {
                call.log().accept(Level.INFO, "not running here");
            }
            return OcfCode.SUCCESS;
        } finally {
            slot.release();
        }
    }

    /** @param deep whether to ask the servers for an answer too, and to write to the state directory */
    public OcfCode monitor(Call call, boolean deep) throws OcfException, IOException, InterruptedException {
        ServiceName name = ServiceName.ofResource(call.resource());
        Optional<RunningService> service = registry.load(name);
        if (service.isEmpty()) {
            probes.notRunning(name, call.environment());
            return OcfCode.NOT_RUNNING;
        }
        ServiceSlot slot = slot(name);
        slot.acquire(call.deadline(), false);
        try {
            // Once more: the start or stop that was waited for may have changed it.
            service = registry.load(name);
            if (service.isEmpty()) {
                return OcfCode.NOT_RUNNING;
            }
            Operation operation = operation(service.get(), call);
            LayerStack stack = stacks.of(service.get().config());
            Optional<String> problem = stack.monitor(operation);
            if (problem.isEmpty() && deep) {
                problem = stack.deepProblem(operation);
            }
            if (problem.isPresent()) {
                throw new OcfException(OcfCode.GENERIC, "service " + name + ": " + problem.get());
            }
            List<String> remarks = new ArrayList<>();
            if (!service.get().refused().isEmpty()) {
                remarks.add("with the parameters it had before the last change, and will not start anew: "
                        + service.get().refused());
            }
            remarks.addAll(stack.remarks(operation));
            if (!remarks.isEmpty()) {
                throw new OcfException(OcfCode.DEGRADED, "service " + name + " serves, but " + String.join("; ", remarks));
            }
            return OcfCode.SUCCESS;
        } finally {
            slot.release();
        }
    }

    /**
     * Takes over what can change in a running service: the exports and the number of threads. Parameters that cannot be
     * used are refused and remembered, and the service goes on with those it has: after a reload that fails Pacemaker
     * stops it, and could start it nowhere.
     *
     * @throws OcfException the service does not run, or has to be started anew to take the parameters over
     */
    public OcfCode reload(Call call) throws OcfException, IOException, InterruptedException {
        ServiceName name = ServiceName.ofResource(call.resource());
        ServiceSlot slot = slot(name);
        slot.acquire(call.deadline(), true);
        try {
            // One whose start was cut short before its claim would be given what another has.
            RunningService running = registry.load(name).filter(s -> registry.isClaimed(name)).orElseThrow(() -> new OcfException(
                    OcfCode.NOT_RUNNING, "service " + name + " does not run here: start it"));
            RunningService wanted;
            Registry.Refusal shared;
            try {
                wanted = resolver.resolve(config(call), call.deadline(), addressesHere(name));
                shared = sharing.refusal(running.with(wanted.config(), wanted.exports()));
                // Also before another file system is: where that is another service's, no start would have it either.
                shared.check(registry.others(name));
            } catch (OcfException e) {
                return refuse(running, call, e.getMessage());
            }
            if (!Set.copyOf(wanted.devices()).equals(Set.copyOf(running.devices()))) {
                throw new OcfException(OcfCode.GENERIC, "parameter exports of service " + name + " names"
                        + " another file system now: restart the service instead");
            }
            LayerStack stack = stacks.of(running.config());
            try {
                stack.reload(operation(running.with(wanted.config(), wanted.exports()), call), running.exports());
                // As it is now: its recovery may just have ended, and another service may have come.
                registry.update(name, s -> s.with(wanted.config(), wanted.exports()), parameters(call), shared);
            } catch (IOException | OcfException e) {
                stack.reload(operation(running, call), wanted.exports());
                return refuse(running, call, e.getMessage());
            }
            return OcfCode.SUCCESS;
        } finally {
            slot.release();
        }
    }

    private OcfCode refuse(RunningService running, Call call, String why) throws IOException {
        registry.update(running.config().name(), s -> s.withRefused(why));
        call.log().accept(Level.ERR, "new parameters are not taken over, the old ones stay in force: " + why);
        return OcfCode.SUCCESS;
    }

    /** Those that the node itself has because it has the service. */
    private Set<InetAddress> addressesHere(ServiceName name) {
        try {
            Optional<RunningService> service = registry.load(name).filter(s -> s.config().isShared() && s.opened());
            return service.isEmpty() ? Set.of()
                    : registry.ownAddresses(service.get()).stream().map(InetPrefix::address).collect(Collectors.toSet());
        } catch (IOException e) {
            return Set.of(); // a record that cannot be read is what the action will find
        }
    }

    /** Makes a running service recover anew, as if it had moved: for the operator. */
    public void startGrace(Call call) throws OcfException, IOException, InterruptedException {
        ServiceName name = ServiceName.ofResource(call.resource());
        ServiceSlot slot = slot(name);
        slot.acquire(call.deadline(), true);
        try {
            List<String> routes = resolver.routes(own(name));
            RunningService service = registry.update(name, s -> s.withRoutes(routes));
            try {
                stacks.own().recoverAnew(operation(service, call));
            } catch (OcfException | IOException | InterruptedException | RuntimeException e) {
                boolean interrupted = Thread.interrupted();
                call.log().accept(Level.WARN, "taking the service down: " + e.getMessage());
                takeDown(name, call.again());
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                throw e;
            }
        } finally {
            slot.release();
        }
    }

    /**
     * Ends a service's grace before its time: for the operator.
     *
     * @param force whether to end it although clients may still reclaim
     * @return who loses what, when it was ended; who would, when it was not
     */
    public GraceEnd endGrace(Call call, boolean force) throws OcfException, IOException, InterruptedException {
        ServiceName name = ServiceName.ofResource(call.resource());
        ServiceSlot slot = slot(name);
        slot.acquire(call.deadline(), true);
        try {
            RunningService service = own(name);
            Recovery.Grace grace = recovery.grace(service);
            if (!grace.active()) {
                return new GraceEnd(false, false, "", List.of());
            }
            RecoveryDecision decision = recovery.decide(service, grace);
            boolean safe = decision.endNlm() == grace.nlm() && decision.endV4() == grace.v4();
            if (force || safe) {
                recovery.endNow(service);
            }
            String state = Stream.of(decision.nlmReason(), decision.v4Reason()).filter(r -> !r.isEmpty())
                    .collect(Collectors.joining("; "));
            return new GraceEnd(true, force || safe, state, decision.missing());
        } finally {
            slot.release();
        }
    }

    /**
     * What became of a request to end a grace period.
     *
     * @param active whether there was one
     * @param ended whether it was ended
     * @param state how far recovery has come, in words
     */
    public record GraceEnd(boolean active, boolean ended, String state, List<RecoveryDecision.Missing> missing) {}

    /**
     * Ends what one client of a service holds: for the operator.
     *
     * @param who an address, with the port or without it, or an NFSv4 client id; all clients that this fits are ended
     * @return a line for each of them, and what else there is to know
     * @throws OcfException (NOT_RUNNING) the service does not serve here; (GENERIC) it has no such client, or another action
     *     took half of the time
     * @throws InterruptedException a stop came first; what had been done by then is in the log
     */
    public Outcome expire(Call call, String who) throws OcfException, IOException, InterruptedException {
        ServiceName name = ServiceName.ofResource(call.resource());
        ServiceSlot slot = slot(name);
        slot.acquire(call.deadline().part(call.deadline().remaining().dividedBy(2)), true);
        try {
            return expiry.expire(own(name), who, call.deadline(), line -> call.log().accept(Level.INFO, line));
        } finally {
            slot.release();
        }
    }

    /** For what would be done to all services that share an nfsd. */
    private RunningService own(ServiceName name) throws OcfException, IOException {
        RunningService service = running(name);
        if (service.config().isShared()) {
            throw new OcfException(OcfCode.UNIMPLEMENTED, "service " + name + " is served by the node's own nfsd (instance=node),"
                    + " and has neither a grace period nor clients for itself: 'gracekeeper unlock' releases what is held on its"
                    + " file systems");
        }
        return service;
    }

    private RunningService running(ServiceName name) throws OcfException, IOException {
        return registry.load(name).filter(RunningService::serving).orElseThrow(() -> new OcfException(
                OcfCode.NOT_RUNNING, "service " + name + " does not run on this node"));
    }

    /** Never a reason for a start to fail: the service runs, and clients that are late would gain nothing by a stop. */
    private void awaitRecovery(ServiceName name, Call call) throws IOException, InterruptedException {
        Deadline deadline = call.deadline().part(call.deadline().remaining().multipliedBy(9).dividedBy(10));
        stacks.own().awaitRecovery(name, deadline);
        if (!registry.load(name).map(RunningService::recovered).orElse(true)) {
            call.log().accept(Level.WARN, "recovery has not ended within the start's time; it goes on: raise the start"
                    + " timeout to 1.3 times grace_time at least to wait for it");
        }
    }

    /** After the helper's own start: what an earlier one left unfinished is picked up. */
    public void resume() throws IOException, InterruptedException {
        stacks.resume(registry);
    }

    private void bringUp(RunningService resolved, Parameters parameters, Call call)
            throws OcfException, IOException, InterruptedException {
        ServiceName name = resolved.config().name();
        Duration budget = call.deadline().remaining();
        Deadline work = call.deadline().part(Duration.ofMillis((long) (budget.toMillis() * (1 - UNDO_SHARE))));
        registry.begin(resolved, parameters);
        try {
            stacks.of(resolved.config()).up(new Operation(resolved, work, call.requested(), call.log()));
        } catch (OcfException | IOException | InterruptedException | RuntimeException e) {
            // The interrupt has done its work; what follows has to run undisturbed.
            boolean interrupted = Thread.interrupted() || e instanceof InterruptedException;
            call.log().accept(Level.WARN, "start failed, taking down what there is: " + e.getMessage());
            takeDown(name, call.again());
            if (interrupted) {
                throw new OcfException(OcfCode.GENERIC, "start of service " + name + " was given up for a stop", e);
            }
            throw e;
        }
    }

    private void takeDown(ServiceName name, Call call) throws OcfException, IOException, InterruptedException {
        Optional<RunningService> service;
        try {
            service = registry.load(name);
        } catch (IOException e) {
            call.log().accept(Level.WARN, e.getMessage() + "; stopping without it");
            emergencyStop(name, call);
            return;
        }
        if (service.isPresent()) {
            LayerStack stack = stacks.of(service.get().config());
            Operation operation = operation(service.get(), call);
            stack.down(operation);
            registry.remove(name);
            stack.gone(operation);
            updateLeases(call);
        }
    }

    private void emergencyStop(ServiceName name, Call call) throws OcfException, IOException {
        emergency.run(name, call.deadline());
        updateLeases(call);
    }

    private void updateLeases(Call call) {
        try {
            leases.update();
        } catch (IOException e) {
            call.log().accept(Level.WARN, "fs.leases-enable: " + e.getMessage());
        }
    }

    private Parameters parameters(Call call) throws OcfException {
        return Parameters.of(call.environment(), defaults);
    }

    private ServiceConfig config(Call call) throws OcfException {
        return ServiceConfig.of(ServiceName.ofResource(call.resource()), parameters(call));
    }

    private static Operation operation(RunningService service, Call call) {
        return new Operation(service, call.deadline(), call.requested(), call.log());
    }

    private ServiceSlot slot(ServiceName name) {
        return slots.of(name);
    }

    /** All services of the node, for the command line. */
    public List<ServiceName> services() throws IOException {
        return registry.names();
    }
}
