// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.UserPrincipal;
import java.time.Instant;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.TcpPeers;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmRecord;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Damaged;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.task.Bounded;

/**
 * The NSM records: who has to be told of the move. They are gathered before statd starts, so that a host that takes a
 * lock from now on is never mistaken for one of before.
 *
 * <p>A host stays in the recovery set until NLM grace has ended. sm-notify forgets a host when it has acknowledged the
 * notification, which is before it has reclaimed: a crash in between would find nobody to notify.
 */
public final class RecordsLayer implements UncheckedLayer {
    /** Clients that never come begin so, see {@link #holdV4Grace}. */
    private static final String GRACE_HOLDER = "gracekeeper: NFSv4 grace lasts as long as that of NLM";
    private static final String GRACE_HOLDER_HEX =
            HexFormat.of().formatHex(GRACE_HOLDER.getBytes(StandardCharsets.US_ASCII));
    /** More than all clients together unmount and mount again within a grace period: for each, and at least. */
    private static final int GRACE_HOLDERS_EACH = 4;
    private static final int MIN_GRACE_HOLDERS = 100;

    /** Stands in the recovery set for hosts of which not even the names are known. */
    private static final String UNKNOWN = "hosts that are not known";

    /** What {@link #opens} makes of the copy. */
    private static final String PUT = "before-last.sqlite";

    private final Node node;
    private final DurableFiles files;
    private final NsmRecords records;
    /** For many at once, before a syncfs. */
    private final NsmRecords unsynced;
    /** State directories of which {@link #gather} came to its end, and nobody can have been added to statd's records since. */
    private final Set<StateDirectory> gathered = ConcurrentHashMap.newKeySet();

    public RecordsLayer(Node node, DurableFiles files) {
        this.node = node;
        this.files = files;
        this.records = new NsmRecords(files);
        this.unsynced = new NsmRecords(files.unsynced());
    }

    @Override
    public String name() {
        return "records";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException {
        RunningService service = operation.service();
        StateDirectory state = service.state();
        // A disk that does not read one now may never do: whoever waited for it would never start.
        tellUnread(operation, gather(state));
        gathered.remove(state);
        prepareClientDatabase(operation);
        emptyDirectory(state.sm());
        emptyDirectory(state.smBak());
        // A new lockd asks statd anew for whoever comes.
        files.deleteTree(state.expired());
        if (service.config().hasNfsV3()) {
            prepareStatd(operation);
        }
        node.kernel().syncfs(state.root());
    }

    private void prepareClientDatabase(Operation operation) throws IOException, OcfException {
        StateDirectory state = operation.state();
        Path database = Files.exists(state.clientDatabaseBefore()) ? state.clientDatabaseBefore() : state.clientDatabase();
        // Both come with a service that has served. Perhaps somebody gave the clients up: see lost().
        if (!Files.exists(database) && (Files.exists(put(state)) || Files.exists(state.ledger()))) {
            operation.warn("the list of NFSv4 clients is missing (" + database + "): none of them can reclaim what it had");
        }
        try {
            endRecoveryThatIsOver(state);
            if (Files.exists(database)) {
                // Before a copy is made that the next start would go by.
                Set<String> reclaimers = new NfsdcldDb(database).reclaimers();
                keepClientDatabase(state);
                holdV4Grace(operation.service(), reclaimers);
            }
        } catch (NfsdcldDb.OtherSchemaException e) {
            throw new OcfException(OcfCode.INSTALLED, e.getMessage() + ": another version of nfs-utils has made it; install"
                    + " that version of nfs-utils, or of gracekeeper, that fits the other", e);
        } catch (IOException e) {
            if (NfsdcldDb.isDamage(e)) {
                throw lost(database, e);
            }
            throw e;
        }
    }

    /** Not for a program to decide: a start would make a new one, and whoever is not in it loses everything. */
    private static OcfException lost(Path database, IOException e) {
        return new OcfException(OcfCode.GENERIC, "the list of NFSv4 clients is damaged (" + e.getMessage() + "): without it"
                + " all of them lose their opens and locks; put " + database + " back from a backup, or " + PUT + " of that"
                + " directory in its place, which lists who was there a start earlier; or give these locks up: move all"
                + " *.sqlite files of that directory away", e);
    }

    /**
     * nfsdcld forgets who may reclaim when grace ends (sqlite_grace_done), also when that is by the kernel's clock and no
     * client could come yet. A start that ends like that must not cost the next one its clients.
     */
    private void keepClientDatabase(StateDirectory state) throws IOException {
        Path database = state.clientDatabase();
        Path before = state.clientDatabaseBefore();
        if (Files.exists(before)) {
            // What nfsdcld had not finished belongs to what is thrown away.
            Files.deleteIfExists(database.resolveSibling(database.getFileName() + "-journal"));
            node.kernel().fsync(database.getParent());
            Files.copy(before, database, StandardCopyOption.REPLACE_EXISTING);
        } else {
            Path copy = before.resolveSibling(before.getFileName() + ".new");
            Files.deleteIfExists(copy);
            new NfsdcldDb(database).copy(copy);
            node.kernel().syncfs(state.root());
            Files.move(copy, before, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /** Clients are let through from now on: the database tells what becomes of them. Durable when it returns. */
    public void opens(StateDirectory state) throws IOException {
        rename(state.clientDatabaseBefore(), put(state));
    }

    /** They are not, after all, or {@link #opens} failed, perhaps before it had done anything. */
    public void staysClosed(StateDirectory state) throws IOException {
        if (!Files.exists(state.clientDatabaseBefore())) { // else what was put away is of an earlier start
            rename(put(state), state.clientDatabaseBefore());
        }
    }

    private static Path put(StateDirectory state) {
        return state.clientDatabaseBefore().resolveSibling(PUT);
    }

    private void rename(Path from, Path to) throws IOException {
        if (Files.exists(from)) {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
            node.kernel().fsync(to.getParent());
        }
    }

    /** A new state number, and the owner that statd and sm-notify give up root for. */
    public void prepareStatd(Operation operation) throws IOException {
        StateDirectory state = operation.state();
        UserPrincipal owner = statdUser();
        files.write(state.nsmState(), nextNumber(operation).bytes());
        for (Path each : List.of(state.nfs(), state.sm(), state.smBak(), state.nsmState())) {
            Files.setOwner(each, owner);
        }
    }

    /** The NSM state number of this start: larger than all that clients may know. */
    NsmState nextNumber(Operation operation) throws IOException {
        Path file = operation.state().nsmState();
        try {
            Optional<NsmState> before = NsmState.read(file);
            if (before.isPresent()) {
                return before.get().next();
            }
        } catch (UnexpectedFormatException e) {
            Damaged.keep(operation, files, file, "it is no state number",
                    "NFSv3 clients are told a number beyond all they may know");
        }
        return NsmState.beyondCounting(Instant.now());
    }

    /**
     * Keeps nfsd from ending the NFSv4 grace by itself, by clients that will never send RECLAIM_COMPLETE: the helper ends
     * it. nfsd counts those that sent it instead of knowing them, and a client that is unmounted and mounted again counts
     * once more (fs/nfsd/nfs4state.c, inc_reclaim_complete): so one such client would not do. And it knows nothing of NLM. Were lockd's grace to outlast
     * nfsd's, an NFSv4 client that has to turn its delegation into a lock would be refused until the delegation is
     * revoked, and somebody else could take the lock: seen on 6.1. With nobody to wait for there is no grace.
     *
     * @param reclaimers owner ids in hexadecimal of those in the database
     */
    private void holdV4Grace(RunningService service, Set<String> reclaimers) throws IOException {
        StateDirectory state = service.state();
        long clients = reclaimers.stream().filter(owner -> !isGraceHolder(owner)).count();
        if (!recoverySet(state).isEmpty() || clients > 0 || !service.config().earlyEnd()) {
            new NfsdcldDb(state.clientDatabase()).recordForNextStart(graceHolders(clients));
        }
    }

    /**
     * Whether nfsdcld has begun the recovery of a start that has something to reclaim. A recovery that goes on was under way
     * before, but nfsdcld then forgets who was recorded since (sqlite_grace_start), those of {@link #graceHolders} too.
     *
     * @param database to which these have been added before that start
     */
    public static boolean recoveryHasBegun(NfsdcldDb database) throws IOException {
        NfsdcldDb.Recovery now = database.recovery();
        return !now.recorded().isEmpty() && now.complete().stream().noneMatch(RecordsLayer::isGraceHolder);
    }

    /**
     * Their owner ids.
     *
     * @param clients that do come
     */
    public static List<byte[]> graceHolders(long clients) {
        return LongStream.range(0, Math.max(MIN_GRACE_HOLDERS, GRACE_HOLDERS_EACH * clients))
                .mapToObj(i -> (GRACE_HOLDER + " " + i).getBytes(StandardCharsets.US_ASCII)).toList();
    }

    /**
     * NFSv4 grace has ended, and the kernel has told nfsdcld; but where that could not note it, because the disk was full,
     * nobody is told, and the next start would go on with the recovery of before and throw away the records of all who have
     * come since (utils/nfsdcld/sqlite.c, sqlite_grace_start). So it is noted here which one is over, and that start ends it
     * before nfsdcld runs: now, the kernel's word may still be on its way.
     *
     * @param epoch nfsdcld's for that recovery
     */
    void noteGraceOver(StateDirectory state, long epoch) throws IOException {
        files.write(state.graceOver(), (epoch + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private void endRecoveryThatIsOver(StateDirectory state) throws IOException {
        if (!Files.exists(state.graceOver())) {
            return;
        }
        String epoch = Files.readString(state.graceOver(), StandardCharsets.ISO_8859_1).strip();
        if (epoch.matches("[0-9]{1,18}") && Files.exists(state.clientDatabase())) {
            new NfsdcldDb(state.clientDatabase()).endRecovery(Long.parseLong(epoch));
        }
        files.deleteTree(state.graceOver());
    }

    /** @param owner an owner id in hexadecimal */
    public static boolean isGraceHolder(String owner) {
        return owner.startsWith(GRACE_HOLDER_HEX);
    }

    @Override
    public void down(Operation operation) {
        // What the records are by now is what the next start begins with.
    }

    /**
     * Adds everybody statd knows to the recovery set, durably, with the newest record that is whole; takes nobody away. Until it
     * returns, nobody may forget statd's records.
     *
     * @return hosts with a record that cannot be read
     */
    Set<String> gather(StateDirectory state) throws IOException {
        gathered.remove(state);
        Set<String> unread = new TreeSet<>();
        try {
            unread.addAll(unsynced.copy(records.names(state.smBak()), state.smBak(), state.nsm()));
        } finally {
            unread.addAll(unsynced.copy(records.names(state.sm()), state.sm(), state.nsm()));
        }
        // Once, and not for each host: clients of a stop wait for it.
        node.kernel().syncfs(state.root());
        Bounded.requireAwaited();
        gathered.add(state);
        return unread;
    }

    /** Whether the stop under way has all hosts that statd monitors in the recovery set, on stable storage. */
    public boolean isGathered(StateDirectory state) {
        return gathered.contains(state);
    }

    /** @param hosts as {@link #gather} returned them */
    static void tellUnread(Operation operation, Set<String> hosts) {
        if (!hosts.isEmpty()) {
            operation.warn("records of NFSv3 hosts cannot be read: " + String.join(", ", hosts) + ": they are notified all the same,"
                    + " by these names");
        }
    }

    /** There are hosts that are not in the recovery set, and nobody knows which: until a recovery has ended, durably. */
    void mayLackHosts(StateDirectory state) throws IOException {
        files.write(state.nsmLost(), new byte[0]);
    }

    /** Forgets the recovery set, durably: recovery has ended, and statd has the records of those who reclaimed. */
    void recovered(StateDirectory state, BooleanSupplier still) throws IOException {
        for (String record : records.names(state.nsm())) {
            // A stop that begins meanwhile gathers them anew.
            if (still.getAsBoolean()) {
                delete(state.nsm().resolve(record));
            }
        }
        node.kernel().fsync(state.nsm());
        if (still.getAsBoolean()) {
            files.deleteTree(state.nsmLost());
        }
    }

    /**
     * What lockd wants to be told when the host has rebooted; nothing when statd has not monitored it since the start. Of an
     * ended host it is what it was: lockd asks anew only after it has forgotten the host, and the cookie with it.
     *
     * @throws UnexpectedFormatException the record is none of statd's
     */
    public List<NsmRecord> monitor(StateDirectory state, String host) throws IOException {
        List<NsmRecord> lines = records.read(state.sm().resolve(host));
        return lines.isEmpty() ? records.read(state.expired().resolve(host)) : lines;
    }

    /**
     * Takes a host out of the recovery set and out of statd's records, durably: it is not notified after the next start, and
     * nobody waits for it. Were it notified, it would reclaim locks that others may have been granted since.
     *
     * <p>lockd goes on to think that statd monitors the host, and does not ask for it again, until it forgets the host some
     * minutes after its last request (fs/lockd/mon.c, nsm_monitor; host.c, nlm_gc_hosts). A host that has been restarted
     * and takes new locks meanwhile would lose them at the next start. So its record is kept apart, and {@link #returned}
     * puts it back.
     *
     * @param connections the service's from before the host lost its state: what is there later and is none of them, is new
     * @return whether it will not be notified; false of a host that statd monitors by a name which is no address: its
     *     connections cannot be told, so it could not be seen to be there again
     */
    public boolean expire(StateDirectory state, String host, Collection<TcpPeer> connections) throws IOException {
        boolean monitored = monitored(state).contains(host);
        boolean canBeSeen = address(host) != null;
        if (canBeSeen && (monitored || ended(state).contains(host))) {
            if (!Files.exists(state.expired())) {
                Files.createDirectory(state.expired());
                node.kernel().fsync(state.root());
            }
            files.write(connectionsOf(state, host), TcpPeers.format(connections).getBytes(StandardCharsets.US_ASCII));
            if (monitored) {
                records.copy(List.of(host), state.sm(), state.expired());
                files.deleteTree(state.sm().resolve(host));
            }
        }
        files.deleteTree(state.smBak().resolve(host));
        files.deleteTree(state.nsm().resolve(host));
        return canBeSeen || !monitored;
    }

    /** The hosts that {@link #expire} has ended and {@link #returned} has not seen again. */
    public List<String> ended(StateDirectory state) throws IOException {
        return records.names(state.expired());
    }

    /**
     * Puts back the records of ended hosts that are there again, durably. One that was restarted has a new connection with
     * nfsd; one that was only cut off goes on with the port it had (net/sunrpc/xprtsock.c, xs_set_srcport; newer Linux
     * clients take another one after a refusal), and with locks that it does not have any more: it stays out. Only nfsd's
     * port tells, as all other connections are opened and closed as they are needed. A host whose connection was gone
     * already when it was ended is taken for a restarted one.
     *
     * @param now the service's connections
     */
    void returned(StateDirectory state, Collection<TcpPeer> now) throws IOException {
        for (String host : ended(state)) {
            boolean again = Files.exists(state.sm().resolve(host)); // lockd has asked for it anew
            if (!again && isNew(state, host, now)) {
                records.copy(List.of(host), state.expired(), state.sm());
                again = true;
            }
            if (again) {
                files.deleteTree(state.expired().resolve(host));
                files.deleteTree(connectionsOf(state, host));
            }
        }
    }

    private static boolean isNew(StateDirectory state, String host, Collection<TcpPeer> now) throws IOException {
        InetAddress address = address(host);
        Path file = connectionsOf(state, host);
        List<TcpPeer> before = Files.exists(file)
                ? TcpPeers.parseFormatted(Files.readString(file, StandardCharsets.ISO_8859_1)) : List.of();
        return now.stream().anyMatch(peer -> peer.localPort() == RpcClient.NFS_PORT && peer.remote().equals(address)
                && !before.contains(peer));
    }

    /** Beside the record, under a name that no record has. */
    private static Path connectionsOf(StateDirectory state, String host) {
        return state.expired().resolve("." + host);
    }

    /** Null for what is no address: such a host's connections cannot be told, so its record has to stay where it is. */
    private static InetAddress address(String host) {
        try {
            return InetPrefix.parseLiteral(host);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** The hosts that have to be told, or may still reclaim. */
    public List<String> recoverySet(StateDirectory state) throws IOException {
        List<String> hosts = records.names(state.nsm());
        return Files.exists(state.nsmLost()) ? Stream.concat(hosts.stream(), Stream.of(UNKNOWN)).toList() : hosts;
    }

    /** The hosts that statd monitors now. */
    public List<String> monitored(StateDirectory state) throws IOException {
        return records.names(state.sm());
    }

    private void emptyDirectory(Path dir) throws IOException {
        for (String record : records.names(dir)) {
            delete(dir.resolve(record));
        }
    }

    /** One of which the disk tells nothing stays: statd passes over it, and its host is notified once more than it need be. */
    private void delete(Path record) throws IOException {
        try {
            Files.deleteIfExists(record);
        } catch (IOException e) {
            if (tells(record)) {
                throw e;
            }
        }
    }

    private boolean tells(Path record) {
        try {
            return files.isRegularFile(record);
        } catch (IOException e) {
            return false;
        }
    }

    /** statd gives up root for the owner of its directory (nfs-utils, support/nsm/file.c). */
    public static UserPrincipal statdUser() throws IOException {
        var lookup = FileSystems.getDefault().getUserPrincipalLookupService();
        for (String user : List.of("statd", "rpcuser")) {
            try {
                return lookup.lookupPrincipalByName(user);
            } catch (java.nio.file.attribute.UserPrincipalNotFoundException e) {
                continue;
            }
        }
        throw new IOException("this node has neither a user statd nor rpcuser for rpc.statd to run as: reinstall"
                + " nfs-common or nfs-utils");
    }
}
