// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.model.RecoveryDecision.Observed;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.RunningService;

/**
 * Looks at a service that recovers and does what {@link RecoveryDecision} says. What was seen back is remembered for as
 * long as the helper lives; a new helper sees what is there then, which can only make it wait longer. Thread-safe.
 */
public final class Recovery {
    private static final System.Logger LOG = System.getLogger(Recovery.class.getName());
    /** Between two looks, where the next may end grace. */
    static final Duration SHORT_PAUSE = Duration.ofMillis(100);
    /** At most, where only time does. */
    private static final Duration LONG_PAUSE = Duration.ofSeconds(1);
    private static final String NLM = "NLM";
    private static final String NFSV4 = "NFSv4";

    private final Node node;
    private final NfsdFs nfsd;
    private final LockdFs lockd;
    private final RecordsLayer records;
    private final Holdings holdings;
    private final LedgerStore ledgers;
    private final ClaimStore claims;
    private final TimelineLog timeline;
    private final ServerLook look;
    private final ClientRecords clientRecords = new ClientRecords();
    private final Map<ServiceName, SeenBack> seen = new ConcurrentHashMap<>();
    /** When the latest start was whose stop has begun: what is seen of it, or of one before, from then on proves nothing. */
    private final Map<ServiceName, Double> closed = new ConcurrentHashMap<>();

    public Recovery(Node node, NfsdFs nfsd, LockdFs lockd, RecordsLayer records, Holdings holdings, LedgerStore ledgers,
            ClaimStore claims, TimelineLog timeline, ServerLook look) {
        this.node = node;
        this.nfsd = nfsd;
        this.lockd = lockd;
        this.records = records;
        this.holdings = holdings;
        this.ledgers = ledgers;
        this.claims = claims;
        this.timeline = timeline;
        this.look = look;
    }

    /**
     * What can be said of a service's grace.
     *
     * @param nlm whether lockd still refuses new locks
     * @param v4 whether nfsd still refuses new NFSv4 opens and locks
     */
    public record Grace(boolean nlm, boolean v4) {
        public boolean active() {
            return nlm || v4;
        }
    }

    public Grace grace(RunningService service) throws IOException, InterruptedException {
        boolean v3 = service.config().hasNfsV3();
        return node.in(service.inside(),
                () -> new Grace(v3 && !lockd.graceEnded(), !nfsd.v4GraceEnded()));
    }

    /** Seconds of grace that are left at most, 0 when it is over. */
    public double secondsLeft(RunningService service) throws IOException {
        return Math.max(0, service.startedAt() + service.graceTime() - node.bootSeconds());
    }

    /**
     * While the service is still closed to its clients: the kernel's clocks run all the same.
     *
     * @throws OcfException (GENERIC) too little of its grace is left for those who have to reclaim. The next start begins
     *     anew with all that this one had
     */
    public void requireTime(RunningService service) throws IOException, OcfException {
        if (secondsLeft(service) * 2 >= service.graceTime() || !ledgers.expectsAnybody(service.state())) {
            return;
        }
        throw new OcfException(OcfCode.GENERIC, String.format("service %s: %.0f s of the %d s of its grace were over before"
                + " a client could come, so locks would be lost: the next start begins its grace anew; see what holds up"
                + " this node or its storage, or raise grace_time", service.config().name(),
                node.bootSeconds() - service.startedAt(), service.graceTime()));
    }

    /** The service starts: what was seen of it before does not count. */
    void open(ServiceName name) {
        clientRecords.open(name);
        seen.remove(name);
    }

    /** The service stops: nothing is ended or forgotten from now on, also not by a look that is under way. */
    void close(RunningService service) {
        closed.merge(service.config().name(), service.startedAt(), Math::max);
        seen.remove(service.config().name());
    }

    private boolean isClosed(RunningService service) {
        return service.startedAt() <= closed.getOrDefault(service.config().name(), -1.0);
    }

    /**
     * One look.
     *
     * @return after which time the next one is due; empty when recovery has ended
     */
    Optional<Duration> step(RunningService service) throws IOException, InterruptedException {
        ServiceName name = service.config().name();
        if (service.startedAt() == 0 || service.stopping() || isClosed(service)) {
            throw new IOException("service " + name + " does not serve: there is no recovery to look at");
        }
        Grace grace = grace(service);
        logEndsByKernel(service, grace);
        if (!grace.active()) {
            if (!service.opened()) {
                return Optional.empty(); // nobody came yet: whether that is the end is told when clients get through
            }
            recordMinorVersionZero(service);
            noteGraceOver(service);
            records.recovered(service.state(), () -> !isClosed(service));
            try {
                claims.recovered(service);
            } catch (IOException e) {
                // The disk is full: the next start takes longer than it need, and finds less room.
                warn(service, e);
            }
            seen.remove(name);
            return Optional.empty();
        }
        RecoveryDecision decision = decide(service, grace);
        if (decision.endNlm() || decision.endV4()) {
            end(service, decision, secondsLeft(service) <= 0);
        }
        return Optional.of(pause(decision, secondsLeft(service)));
    }

    /** Where there is nothing to see, looks would only take the node's time from what gets it going again. */
    private static Duration pause(RecoveryDecision decision, double left) {
        if (!decision.onlyTimeEnds()) {
            return SHORT_PAUSE;
        }
        long millis = Math.min((long) (left * 1000), LONG_PAUSE.toMillis());
        return Duration.ofMillis(Math.max(millis, SHORT_PAUSE.toMillis()));
    }

    /** What would be done now, and who is still missing. */
    public RecoveryDecision decide(RunningService service, Grace grace) throws IOException, InterruptedException {
        double left = secondsLeft(service);
        try {
            return RecoveryDecision.of(observe(service, grace, left));
        } catch (IOException | RuntimeException e) {
            if (left > 0) {
                throw e;
            }
            // Its time is over, whatever can be seen: nobody must be locked out for ever.
            warn(service, e);
            return RecoveryDecision.of(
                    new SeenBack(Optional.empty()).observed(grace, left, true, List.of(), Set.of(), Set.of()));
        }
    }

    /** Ends both grace periods now, whoever is missing. */
    public void endNow(RunningService service) throws IOException, InterruptedException {
        Grace grace = grace(service);
        String reason = "an administrator ended it";
        end(service, new RecoveryDecision(grace.nlm(), grace.v4(), reason, reason, List.of(), false), true);
    }

    /**
     * An NFSv4 client is about to be ended: it is not waited for any more, and may not reclaim after the next start, nor
     * now, unless the kernel knows it from the start and it comes before grace has ended, which costs nobody anything. To
     * be called before its end, since it may come again at once, and is then recorded by the kernel as a new one.
     *
     * @param others clients that stay
     */
    public void forget(RunningService service, Nfs4Client client, List<Nfs4Client> others)
            throws IOException, InterruptedException {
        if (clientRecords.forget(service, client, others) && grace(service).v4()) {
            String owner = HexFormat.of().formatHex(client.ownerId());
            waitForLess(service, ledger -> ledger.withoutClient(owner));
        }
    }

    /**
     * A client that was to be ended has not been: it may reclaim after the next start, as all that hold state. Grace that
     * goes on does not wait for it all the same.
     */
    public void keep(RunningService service, Nfs4Client client) throws IOException {
        clientRecords.keep(service, client);
    }

    /** NFSv3 hosts have been taken out of the recovery set: where that was the last one, no NLM lock is waited for. */
    public void forgetHosts(RunningService service) throws IOException, InterruptedException {
        if (grace(service).nlm() && records.recoverySet(service.state()).isEmpty()) {
            waitForLess(service, Ledger::withoutNlm);
        }
    }

    /** On the storage too: a stop in this recovery hands on what it has not seen back. */
    private void waitForLess(RunningService service, UnaryOperator<Ledger> change) throws IOException {
        Optional<Ledger> ledger = ledgers.find(service.state()).ledger();
        if (ledger.isEmpty() || change.apply(ledger.get()).equals(ledger.get())) {
            return;
        }
        Ledger less = change.apply(ledger.get());
        ledgers.write(service.state(), less);
        // Not get(): a look that is just reading the ledger of before is waited for, and told as well.
        seen.computeIfPresent(service.config().name(), (name, current) -> {
            current.waitFor(less);
            return current;
        });
    }

    /**
     * @param whatever whether grace ends although somebody may be missing; else the look that this follows has seen and
     *     recorded everybody
     */
    private void end(RunningService service, RecoveryDecision decision, boolean whatever)
            throws IOException, InterruptedException {
        if (whatever) {
            try {
                recordMinorVersionZero(service);
            } catch (IOException | RuntimeException e) {
                warn(service, e); // its time is over all the same
            }
        }
        if (isClosed(service)) {
            return;
        }
        // NLM first: were it to outlast the NFSv4 grace, a client with a delegation could lose a lock.
        if (decision.endNlm()) {
            end(service, NLM, decision.nlmReason(), level(service, decision, NLM), lockd::endGrace);
        }
        if (decision.endV4()) {
            end(service, NFSV4, decision.v4Reason(), level(service, decision, NFSV4), nfsd::endV4Grace);
        }
    }

    /** After a crash somebody is always missing by what is known; by a ledger it is a lock that its owner had. */
    private System.Logger.Level level(RunningService service, RecoveryDecision decision, String which) {
        boolean missing = decision.missing().stream().anyMatch(one -> one.protocol().equals("NFSv3") == which.equals(NLM));
        return missing && seen(service).hasLedger() ? System.Logger.Level.WARNING : System.Logger.Level.INFO;
    }

    /** nfsd does it in its own time: until then a look still sees grace, and ends it again. It is told of once. */
    private void end(RunningService service, String which, String reason, System.Logger.Level level, Ending ending)
            throws IOException, InterruptedException {
        SeenBack sofar = seen(service);
        // Before the end, or another look could see it and take it for the kernel's.
        boolean first = sofar.tell(which);
        boolean ended = false;
        try {
            node.in(service.instance().inside(), () -> {
                ending.end();
                return null;
            });
            ended = true;
        } finally {
            if (first && !ended) {
                sofar.untell(which);
            }
        }
        if (first) {
            log(service, which, reason, level); // not inside, where /run is another one
        }
    }

    private interface Ending {
        void end() throws IOException;
    }

    /** lockd's timer, or nfsd's when its time is over or everybody has sent RECLAIM_COMPLETE. */
    private void logEndsByKernel(RunningService service, Grace now) throws IOException {
        SeenBack sofar = seen(service);
        Grace ended = sofar.ended(now);
        if (ended.nlm() && sofar.tell(NLM)) {
            log(service, NLM, "by the kernel", System.Logger.Level.INFO);
        }
        if (ended.v4() && sofar.tell(NFSV4)) {
            log(service, NFSV4, "by the kernel", System.Logger.Level.INFO);
        }
    }

    /** Whoever is not recorded when grace ends cannot reclaim after the next start. */
    private void recordMinorVersionZero(RunningService service) throws IOException, InterruptedException {
        clientRecords.record(service, minorVersionZero(holdings.clients(service)), Set.of());
    }

    private static void warn(RunningService service, Exception e) {
        LOG.log(System.Logger.Level.WARNING, "service " + service.config().name() + ": recovery: " + e.getMessage());
    }

    private SeenBack seen(RunningService service) {
        return seen.computeIfAbsent(service.config().name(), n -> new SeenBack(ledgers.find(service.state()).ledger()));
    }

    private void log(RunningService service, String which, String reason, System.Logger.Level level) throws IOException {
        double seconds = node.bootSeconds() - service.startedAt();
        timeline.graceEnded(service.config().name(), which, seconds, reason);
        LOG.log(level, String.format("service %s: %s grace ended after %.1f s: %s",
                service.config().name(), which, seconds, reason));
    }

    private Observed observe(RunningService service, Grace grace, double left)
            throws IOException, InterruptedException {
        SeenBack sofar = seen(service);
        FileSystems fileSystems = holdings.fileSystems(service);
        if (sofar.wantsLocks(grace)) {
            sofar.add(holdings.certainLocks(fileSystems));
        }
        if (!grace.v4()) {
            return sofar.observed(grace, left, service.config().earlyEnd(), records.recoverySet(service.state()),
                    Set.of(), Set.of());
        }
        // The record first, then the clients: one that is recorded and gone again has nothing left to reclaim.
        NfsdcldDb.Recovery clients = new NfsdcldDb(service.state().clientDatabase()).recovery();
        Set<String> recorded = new HashSet<>(clients.recorded());
        recorded.removeIf(RecordsLayer::isGraceHolder);
        List<Nfs4Client> now = holdings.clients(service);
        clientRecords.record(service, minorVersionZero(now), clients.complete(), recorded);
        sofar.add(Holdings.states(now, fileSystems));
        return sofar.observed(grace, left, service.config().earlyEnd(), records.recoverySet(service.state()),
                recorded, clients.complete());
    }

    /**
     * At the stop, when no look is taken any more: sees that all clients with state are recorded, also those that nfsdcld
     * could not record because the disk was full.
     */
    void recordHolders(RunningService service) throws IOException, InterruptedException {
        clientRecords.record(service, holdings.clients(service), Set.of());
    }

    /**
     * After that, of a service that is shut, while its server still runs: where all who could reclaim have, nobody else may
     * after the next start. The kernel has a record removed when its client ends, but not one that the helper has made
     * (fs/nfsd/nfs4recover.c, nfsd4_cld_remove): a client that lost its locks long ago would reclaim what is others' now.
     */
    void recordNobodyElse(RunningService service) throws IOException, InterruptedException {
        Optional<NfsdcldDb.Epochs> epochs = noteGraceOver(service);
        if (epochs.isPresent()) {
            clientRecords.retain(service, epochs.get().current(),
                    () -> holdings.clients(service).stream().filter(Nfs4Client::holdsState).toList(), "hold nothing any more");
        }
    }

    /**
     * The same while the service serves and some client has gone, of those that nfsd does not know any more: who holds nothing
     * just now may open a file the next moment. After a crash nobody has to wait for them, and a client of NFSv4.0 that lost its
     * locks to another in a partition does not get them back.
     *
     * <p>Before that, clients of NFSv4.0 that hold something are recorded: some may have come after the last look of the recovery.
     * nfsd says that grace is over before it tells nfsdcld, and grants reclaims until nfsdcld has answered, which may be long on a
     * slow disk (fs/nfsd/nfs4state.c, nfsd4_end_grace; nfs4recover.c, nfsd4_cld_grace_done).
     *
     * @return whether nobody can begin to reclaim any more. What had begun by then may come to its end yet
     */
    public boolean seeClients(RunningService service) throws IOException, InterruptedException {
        if (!Files.exists(service.state().clientDatabase())) {
            return true;
        }
        Optional<NfsdcldDb.Epochs> epochs = noteGraceOver(service);
        if (epochs.isEmpty()) {
            return false;
        }
        recordMinorVersionZero(service);
        // Before, and without nfsdcld's database: it is not to be locked for an answer that does not come.
        requireThreads(service);
        clientRecords.retain(service, epochs.get().current(), () -> clientsOfServer(service), "have gone");
        return epochs.get().recovery() == 0;
    }

    /**
     * The threads last: a server that somebody stops has none before its clients begin to go, and these are all to come back.
     *
     * @throws IOException there is no server
     */
    private List<Nfs4Client> clientsOfServer(RunningService service) throws IOException, InterruptedException {
        List<Nfs4Client> clients = holdings.clients(service);
        requireThreads(service);
        return clients;
    }

    private void requireThreads(RunningService service) throws IOException, InterruptedException {
        if (!look.runs(service.inside()).orElse(false)) {
            throw new IOException("nfsd has no threads, or does not tell: its clients have not gone");
        }
    }

    /** @return nfsdcld's epochs, where NFSv4 grace is over */
    private Optional<NfsdcldDb.Epochs> noteGraceOver(RunningService service) throws IOException, InterruptedException {
        if (!Files.exists(service.state().clientDatabase())) {
            return Optional.empty();
        }
        // The epochs first: of a look that was held up until the service has been started anew, they may be the new start's.
        NfsdcldDb.Epochs epochs = new NfsdcldDb(service.state().clientDatabase()).epochs();
        if (grace(service).v4()) {
            return Optional.empty();
        }
        if (epochs.recovery() != 0) {
            records.noteGraceOver(service.state(), epochs.recovery());
        }
        return Optional.of(epochs);
    }

    /** Of others the kernel itself sees that they are recorded. */
    private static List<Nfs4Client> minorVersionZero(List<Nfs4Client> clients) {
        return clients.stream().filter(client -> client.minorVersion() == 0).toList();
    }
}
