// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.DamagedClaim;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.Sharing;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.store.DurableFiles;

/**
 * The bottom layer: this node has the service. Refuses what another service has already, and changes nothing before that is
 * decided; lays out the state directory, and at the end of a stop gives the proof that nothing is left.
 */
public final class ClaimLayer implements Layer {
    private final Node node;
    private final Sharing sharing;
    private final Registry registry;
    private final DurableFiles files;
    private final ClaimStore claims;
    private final Proof proof;
    private final Reserve reserve;
    private final LedgerStore ledgers;
    private final TimelineLog timeline;

    public ClaimLayer(Node node, Registry registry, DurableFiles files, Proof proof, Reserve reserve, LedgerStore ledgers,
            TimelineLog timeline) {
        this.node = node;
        this.sharing = new Sharing(node.kernel());
        this.registry = registry;
        this.files = files;
        this.claims = new ClaimStore(files, reserve);
        this.proof = proof;
        this.reserve = reserve;
        this.ledgers = ledgers;
        this.timeline = timeline;
    }

    @Override
    public String name() {
        return "claim";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException {
        RunningService service = operation.service();
        StateDirectory state = service.state();
        ServiceName name = service.config().name();
        Registry.Refusal shared = sharing.refusal(service);
        // First: that a running service has the file system says more than whose the directory is.
        shared.check(registry.others(name));
        Previous found = find(operation);
        refuseAnothers(service, found.claim());
        // Once more: another start may have come to this meanwhile. The storage is not read here, since it may hang.
        registry.claim(name, shared);
        tell(operation, found);
        Claim previous = found.claim();
        if (previous != null) {
            timeline.before(name, previous.node(), previous.clean());
        }
        reserve.release(state);
        noteLostRecords(operation, previous);
        directory(state.nsm(), "rwx------");
        directory(state.nfs(), "rwxr-xr-x");
        for (String dir : List.of("sm", "sm.bak", "notify", "v4recovery", "nfsdcld", "rpc_pipefs")) {
            directory(state.nfs().resolve(dir), "rwxr-xr-x");
        }
        for (String file : List.of("etab", "rmtab")) {
            Path path = state.nfs().resolve(file);
            if (!Files.exists(path)) {
                Files.createFile(path);
            }
        }
        if (previous == null) {
            // Counting begins anew, and an old ledger must not fit by chance.
            files.deleteTree(state.ledger());
        }
        long generation = previous == null ? 1 : previous.generation() + 1;
        // Until recovery has ended there may be clients that still go by the lease of before.
        int lease = Math.max(service.config().leaseTime(), previous == null ? 0 : previous.leaseTime());
        claims.write(state, new Claim(Claim.FORMAT, name.value(), service.config().scope(), node.hostname(),
                node.bootId(), generation, lease, service.graceTime(), false));
        registry.counted(name, generation);
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        operation.info("stopped: " + proof.require(operation));
        if (!registry.isClaimed(operation.instance().name())) {
            return; // a start that was refused is taken down too: the state directory may be another's
        }
        try {
            StateDirectory state = operation.state();
            Claim claim = ClaimStore.read(state);
            // A start that did not come as far as to be counted leaves the last one's.
            if (claim != null && claim.service().equals(operation.instance().name().value())
                    && claim.bootId().equals(node.bootId())) {
                claims.write(state, claim.stopped());
                reserve.take(state);
            }
        } catch (IOException e) {
            // The storage may be gone already. The service is stopped all the same: that is what was proved.
            operation.warn("cannot note the stop in the state directory: " + e.getMessage());
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        if (!registry.isClaimed(operation.instance().name())) {
            // All the rest may look well: it is that of the service for which the start was refused.
            return Optional.of("it has nothing on this node yet: its start has just begun, or was cut short");
        }
        if (operation.service().stopping()) {
            return Optional.of("its stop goes on, or was cut short");
        }
        if (!registry.isComplete(operation.instance().name())) {
            return Optional.of("its start goes on, or was cut short: clients may not know yet that it is here");
        }
        Path record = operation.state().record();
        if (!Files.isReadable(record)) {
            return Optional.of("the state directory " + operation.state().root() + " cannot be read: is its file system"
                    + " still mounted?");
        }
        return Optional.empty();
    }

    /** The mode whatever the umask: statd is not root, and nfsdcld gives up the right to pass where it may not. */
    static void directory(Path path, String mode) throws IOException {
        Files.createDirectories(path);
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
    }

    /**
     * A start makes the directories for NSM's records before it is counted. Where one is not there any more, hosts with locks may
     * not be known. That is noted before it is made again, and until the end of a recovery: another crash must not hide it.
     * With the node's own nfsd no grace is a service's own, so there is none that this could hold.
     */
    private void noteLostRecords(Operation operation, Claim previous) throws IOException {
        StateDirectory state = operation.state();
        List<Path> missing = Stream.of(state.nsm(), state.sm()).filter(each -> !Files.isDirectory(each)).toList();
        ServiceConfig config = operation.service().config();
        if (previous == null || missing.isEmpty() || !config.hasNfsV3() || config.isShared()) {
            return;
        }
        files.write(state.nsmLost(), new byte[0]);
        operation.warn("records of NFSv3 hosts are missing (" + missing.get(0) + " is not there): those that were in it are not"
                + " notified, so they lose their locks, and new locks wait for the full grace time");
    }

    /**
     * What there is of the start before.
     *
     * @param claim its record, as far as it can be read; null when there is none
     * @param damage what it costs that the record is damaged or missing; empty when it is whole, or there never was one
     * @param missing whether it is not there, though it should be
     */
    private record Previous(Claim claim, String damage, boolean missing) {}

    private Previous find(Operation operation) throws IOException {
        StateDirectory state = operation.state();
        try {
            Claim found = ClaimStore.read(state);
            if (found != null || !hasServed(state)) {
                return new Previous(found, "", false);
            }
            return remains(operation, new DamagedClaim(""), true);
        } catch (UnexpectedFormatException e) {
            return remains(operation, DamagedClaim.read(state), false);
        }
    }

    private Previous remains(Operation operation, DamagedClaim rest, boolean missing) {
        Optional<Ledger> ledger = ledgers.stored(operation.state());
        return new Previous(rest.claim(ledger, operation.service().config()),
                "new locks wait for the full grace time" + (rest.service(ledger).isPresent() ? ""
                        : ", and that it is the directory of this service is taken for granted"), missing);
    }

    /** Whether there is what no directory has in which a service was never started. */
    private static boolean hasServed(StateDirectory state) {
        return Files.exists(state.ledger()) || Files.exists(state.clientDatabase());
    }

    private static void refuseAnothers(RunningService service, Claim previous) throws OcfException {
        if (previous == null) {
            return;
        }
        if (previous.format() > Claim.FORMAT) {
            throw new OcfException(OcfCode.ARGS, "state directory " + service.state().root() + " has format "
                    + previous.format() + ", this version knows " + Claim.FORMAT + ": install the newer version here");
        }
        if (!previous.service().equals(service.config().name().value())) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter state_dir: " + service.state().root() + " belongs to"
                    + " service " + previous.service() + ": give " + service.config().name() + " a directory of its own");
        }
    }

    /** What it means for this start; a damaged record is kept, since it is replaced. */
    private void tell(Operation operation, Previous found) throws IOException {
        RunningService service = operation.service();
        Claim previous = found.claim();
        if (previous == null) {
            return;
        }
        if (!previous.scope().equals(service.config().scope())) {
            operation.warn("scope was " + previous.scope() + " and is now " + service.config().scope()
                    + ": NFSv4 clients will take this for another server and lose their locks");
        }
        if (!previous.clean() && !previous.bootId().equals(node.bootId())) {
            operation.warn("node " + previous.node() + " did not stop the service in order: recovering as after a crash");
        }
        if (service.graceTime() > service.config().graceTime()) {
            operation.warn("grace time is " + service.graceTime() + " s this once: the lease time before was "
                    + previous.leaseTime() + " s, and clients that idle come as late as that");
        }
        if (found.missing()) {
            operation.warn(service.state().record() + " is missing, and what else a service leaves is there: " + found.damage());
        } else if (!found.damage().isEmpty()) {
            Damaged.keep(operation, files, service.state().record(), "it is no record of a service", found.damage());
        }
    }
}
