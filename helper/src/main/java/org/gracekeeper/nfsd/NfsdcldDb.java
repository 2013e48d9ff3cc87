// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Sqlite;
import org.gracekeeper.sys.SqliteException;

/**
 * nfsdcld's record of NFSv4 clients (utils/nfsdcld/sqlite.c of nfs-utils): which clients may reclaim after the next
 * start, and which have. Opened for each call and only briefly, as nfsdcld gives up after 10 s of somebody else's lock. Never
 * makes or changes tables. Thread-safe.
 */
public final class NfsdcldDb {
    /** Of nfs-utils 2.6.2 to at least 2.8.3; table names and columns are bound to it. */
    static final String SCHEMA = "4";

    private static final Duration BUSY = Duration.ofSeconds(2);

    private final Path file;

    /** @param file main.sqlite in nfsdcld's storage directory */
    public NfsdcldDb(Path file) {
        this.file = file;
    }

    /**
     * The epochs, each the name of a table.
     *
     * @param current  clients recorded since the last start
     * @param recovery clients that may reclaim now; 0 when there is no grace
     */
    public record Epochs(long current, long recovery) {
    }

    public Epochs epochs() throws IOException {
        try (Sqlite db = open()) {
            return epochs(db);
        }
    }

    /**
     * Owner ids, each in hexadecimal.
     *
     * @param recorded who may reclaim; empty when there is no grace
     * @param complete who has been recorded since: an NFSv4.1 or later client at RECLAIM_COMPLETE. A v4.0 client that
     *     reclaims is never recorded again by the kernel
     */
    public record Recovery(Set<String> recorded, Set<String> complete) {
    }

    public Recovery recovery() throws IOException {
        try (Sqlite db = open()) {
            db.exec("BEGIN"); // one view of both tables
            Epochs epochs = epochs(db);
            return new Recovery(epochs.recovery() == 0 ? Set.of() : ids(db, epochs.recovery()), ids(db, epochs.current()));
        }
    }

    /**
     * Records clients in the current epoch, those of them that are not there yet, in one transaction: all or none. For
     * v4.0 clients that have reclaimed: the kernel records them at OPEN_CONFIRM only, which a reclaim does not have, and the
     * next failover would refuse them.
     *
     * @return the owner ids that were missing, in hexadecimal
     */
    public Set<String> record(Collection<byte[]> ownerIds) throws IOException {
        Set<String> missing = new TreeSet<>();
        if (ownerIds.isEmpty()) {
            return missing;
        }
        try (Sqlite db = open()) {
            db.exec("BEGIN IMMEDIATE");
            long current = epochs(db).current();
            Set<String> there = ids(db, current);
            for (byte[] ownerId : ownerIds) {
                String id = HexFormat.of().formatHex(ownerId);
                if (!there.contains(id) && missing.add(id)) {
                    db.run("INSERT INTO " + table(current) + " (id) VALUES (?)", (Object) ownerId);
                }
            }
            db.exec("COMMIT");
        }
        return missing;
    }

    /** Who may reclaim after the next start of nfsd: owner ids in hexadecimal. */
    public Set<String> reclaimers() throws IOException {
        try (Sqlite db = open()) {
            db.exec("BEGIN");
            Epochs epochs = epochs(db);
            // A start with a recovery that never ended goes on with that one, see sqlite_grace_start().
            return ids(db, epochs.recovery() != 0 ? epochs.recovery() : epochs.current());
        }
    }

    /**
     * A record of a client.
     *
     * @param epoch the name of its table
     * @param owner its owner id, in hexadecimal
     */
    public record Entry(long epoch, String owner) {
    }

    /** Hears of records that are about to be made. */
    @FunctionalInterface
    public interface Intent {
        /** @throws IOException none of them is made */
        void of(List<Entry> entries) throws IOException;
    }

    /**
     * Adds clients to those that may reclaim after the next start of nfsd: the recovery that may be under way ends before that
     * start, or that start goes on with it (sqlite_grace_start), and empties the table of those that were recorded meanwhile.
     */
    public void recordForNextStart(Collection<byte[]> ownerIds) throws IOException {
        recordForNextStart(ownerIds, entries -> { });
    }

    /**
     * The same, for a start that may yet be given up.
     *
     * @param intent is told of those that are not there yet
     */
    public void recordForNextStart(Collection<byte[]> ownerIds, Intent intent) throws IOException {
        try (Sqlite db = open()) {
            db.exec("BEGIN IMMEDIATE");
            List<Entry> entries = new ArrayList<>();
            for (long epoch : tables(epochs(db))) {
                Set<String> there = ids(db, epoch);
                for (byte[] ownerId : ownerIds) {
                    String owner = HexFormat.of().formatHex(ownerId);
                    if (there.add(owner)) {
                        entries.add(new Entry(epoch, owner));
                    }
                }
            }
            intent.of(entries);
            for (Entry entry : entries) {
                db.run("INSERT INTO " + table(entry.epoch()) + " (id) VALUES (?)", (Object) HexFormat.of().parseHex(entry.owner()));
            }
            db.exec("COMMIT");
        }
    }

    /**
     * Takes back what {@link #recordForNextStart} has made for a start that was given up. Does nothing where one has asked nfsdcld
     * since: by that the table of now is another, or was emptied (sqlite_grace_start).
     *
     * @param mark whether an owner id in hexadecimal is one that nfsd itself never has recorded, and that was recorded then: what
     *     tells that there was no start
     * @param owners those that have a record by right, asked while nfsdcld can record nobody and no start can come to it
     * @return how many were taken back
     */
    public int takeBack(Collection<Entry> entries, Predicate<String> mark, Owners owners) throws IOException, InterruptedException {
        try (Sqlite db = open()) {
            db.exec("BEGIN IMMEDIATE");
            Epochs epochs = epochs(db);
            int taken = 0;
            if (ids(db, epochs.current()).stream().anyMatch(mark)) {
                Set<String> stay = owners.now();
                for (long epoch : tables(epochs)) {
                    Set<String> there = ids(db, epoch);
                    for (Entry entry : entries) {
                        if (entry.epoch() == epoch && !stay.contains(entry.owner()) && there.remove(entry.owner())) {
                            db.run("DELETE FROM " + table(epoch) + " WHERE id = ?", (Object) HexFormat.of().parseHex(entry.owner()));
                            taken++;
                        }
                    }
                }
            }
            db.exec("COMMIT");
            return taken;
        }
    }

    private static List<Long> tables(Epochs epochs) {
        return epochs.recovery() == 0 ? List.of(epochs.current()) : List.of(epochs.current(), epochs.recovery());
    }

    /**
     * Ends a recovery, as nfsdcld does when the kernel tells it (sqlite_grace_done). While nfsdcld is not running only: what
     * is still on its way to it would then begin a new recovery, and end that one.
     *
     * @param epoch the recovery that is over: another one is left alone
     */
    public void endRecovery(long epoch) throws IOException {
        try (Sqlite db = open()) {
            db.exec("BEGIN IMMEDIATE");
            if (epoch != 0 && epochs(db).recovery() == epoch) {
                db.exec("UPDATE grace SET recovery = 0");
                db.exec("DROP TABLE IF EXISTS " + table(epoch));
            }
            db.exec("COMMIT");
        }
    }

    /** Clients that stay. */
    @FunctionalInterface
    public interface Owners {
        /** @return owner ids in hexadecimal */
        Set<String> now() throws IOException, InterruptedException;
    }

    /**
     * Takes the records of all other clients away, by which they may reclaim after the next start.
     *
     * @param current the epoch that they are of: records of another one are left alone
     * @param owners asked while nfsdcld can record nobody: whoever is recorded by then is there already
     * @return those that were there
     */
    public Set<String> retain(long current, Owners owners) throws IOException, InterruptedException {
        try (Sqlite db = open()) {
            db.exec("BEGIN IMMEDIATE");
            Set<String> others = new TreeSet<>();
            if (epochs(db).current() == current) {
                others.addAll(ids(db, current));
                others.removeAll(owners.now());
            }
            for (String other : others) {
                db.run("DELETE FROM " + table(current) + " WHERE id = ?", (Object) HexFormat.of().parseHex(other));
            }
            db.exec("COMMIT");
            return others;
        }
    }

    /**
     * Takes a client's records away: those that it may reclaim by now and after the next start. The kernel does only the
     * latter when it ends a client, and only for one that it has recorded itself since the last start (fs/nfsd/nfs4recover.c
     * of 6.1 and 6.12, nfsd4_cld_remove); one that is not there any more nfsdcld removes without an error.
     *
     * @return whether there was one
     */
    public boolean forget(byte[] ownerId) throws IOException {
        try (Sqlite db = open()) {
            db.exec("BEGIN IMMEDIATE");
            Epochs epochs = epochs(db);
            String id = HexFormat.of().formatHex(ownerId);
            boolean found = false;
            for (long epoch : List.of(epochs.current(), epochs.recovery())) {
                if (epoch != 0 && ids(db, epoch).contains(id)) {
                    db.run("DELETE FROM " + table(epoch) + " WHERE id = ?", (Object) ownerId);
                    found = true;
                }
            }
            db.exec("COMMIT");
            return found;
        }
    }

    /** A consistent copy, made by SQLite itself. {@code target} must not exist; it is not synced. */
    public void copy(Path target) throws IOException {
        try (Sqlite db = open()) {
            db.run("VACUUM INTO ?", target.toString());
        }
    }

    /** The database is of another version of nfs-utils. */
    public static final class OtherSchemaException extends IOException {
        private static final long serialVersionUID = 1L;

        OtherSchemaException(Path file, Object version) {
            super(file + " has schema version " + version + ", not " + SCHEMA);
        }
    }

    /** Whether what a call has failed with says that the file is damaged: nfsdcld itself can do nothing with it then. */
    public static boolean isDamage(IOException failure) {
        return failure instanceof UnexpectedFormatException
                || failure instanceof SqliteException refused && refused.isDamage();
    }

    /**
     * For writing, also where nothing is to be written: the power may have gone, or a process been killed, in the middle of a
     * transaction. Whoever is the next to open the database has to take that back, and a reader that must not write fails.
     */
    private Sqlite open() throws IOException {
        Sqlite db = Sqlite.open(file, false);
        try {
            db.busyTimeout(BUSY);
            List<List<Object>> version = db.query("SELECT value FROM parameters WHERE key = 'version'");
            if (version.size() != 1) {
                throw new UnexpectedFormatException(file.toString(), "schema version " + version);
            }
            if (!SCHEMA.equals(String.valueOf(version.get(0).get(0)))) {
                throw new OtherSchemaException(file, version.get(0).get(0));
            }
            return db;
        } catch (IOException | RuntimeException e) {
            db.close();
            throw e;
        }
    }

    private Epochs epochs(Sqlite db) throws IOException {
        List<List<Object>> rows = db.query("SELECT current, recovery FROM grace");
        // nfsdcld clears the recovery epoch with the text "0"; the column's affinity makes an integer of it.
        if (rows.size() == 1 && rows.get(0).get(0) instanceof Long current
                && rows.get(0).get(1) instanceof Long recovery) {
            return new Epochs(current, recovery);
        }
        throw new UnexpectedFormatException(file.toString(), "table grace: " + rows);
    }

    private Set<String> ids(Sqlite db, long epoch) throws IOException {
        Set<String> ids = new TreeSet<>();
        for (List<Object> row : db.query("SELECT id FROM " + table(epoch))) {
            if (!(row.get(0) instanceof byte[] id)) {
                throw new UnexpectedFormatException(file.toString(), "client id " + row.get(0));
            }
            ids.add(HexFormat.of().formatHex(id));
        }
        return ids;
    }

    private static String table(long epoch) {
        return String.format("\"rec-%016x\"", epoch);
    }
}
