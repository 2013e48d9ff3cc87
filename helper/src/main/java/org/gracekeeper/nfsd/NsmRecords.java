// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.store.DurableFiles;

/**
 * statd's records of NLM clients, a file for each host in {@code sm/} or {@code sm.bak/} (support/nsm/file.c of
 * nfs-utils). In a namespace without DNS the file's name is the client's address. Like statd, it ignores names that
 * begin with a dot and what is not a regular file. Thread-safe as far as the directories are left alone. What is written is
 * durable, unless {@link DurableFiles#unsynced} is what writes it.
 */
public final class NsmRecords {
    private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
    private static final Pattern IPV6 = Pattern.compile("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%[^/]+)?");

    /** Bytes; no host has so many lines. */
    private static final int MAX_RECORD = 64 << 10;

    private final DurableFiles files;

    public NsmRecords(DurableFiles files) {
        this.files = files;
    }

    /** Record names by address family: notifications go out for each family by itself. */
    public record ByFamily(List<String> ipv4, List<String> ipv6, List<String> others) {
    }

    /** Names of the records, sorted; none when the directory does not exist. */
    public List<String> names(Path directory) throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> list = Files.newDirectoryStream(directory)) {
            for (Path each : list) {
                String name = each.getFileName().toString();
                if (!name.startsWith(".") && isRecord(each)) {
                    names.add(name);
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        Collections.sort(names);
        return names;
    }

    /**
     * Also one of which the disk tells nothing but its name: by that a host can be notified, and without it nobody would wait for
     * what the host has to reclaim.
     */
    private boolean isRecord(Path path) {
        try {
            return files.isRegularFile(path);
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    /**
     * What a record says, a line of it each. A symbolic link is not followed: statd's directory is not root's.
     *
     * @return none when there is no such record
     * @throws UnexpectedFormatException a line is none of statd's, or there are too many
     */
    public List<NsmRecord> read(Path record) throws IOException {
        List<NsmRecord> lines = new ArrayList<>();
        for (String line : text(record).lines().toList()) {
            lines.add(NsmRecord.parse(line));
        }
        return lines;
    }

    /** The same, and none too of a record of which sm-notify could not read all, because of the disk or of what is in it. */
    public List<NsmRecord> readWhole(Path record) {
        try {
            return Files.isRegularFile(record, LinkOption.NOFOLLOW_LINKS) ? read(record) : List.of();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** @return empty when there is no such record */
    private String text(Path record) throws IOException {
        byte[] bytes;
        try {
            bytes = files.read(record, MAX_RECORD + 1);
        } catch (NoSuchFileException e) {
            return ""; // statd deleted it: the host is not monitored any more
        }
        if (bytes.length > MAX_RECORD) {
            throw new UnexpectedFormatException("statd's record", "more than " + MAX_RECORD + " bytes");
        }
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    public static ByFamily split(Collection<String> names) {
        List<String> ipv4 = names.stream().filter(n -> IPV4.matcher(n).matches()).toList();
        List<String> ipv6 = names.stream().filter(n -> IPV6.matcher(n).matches()).toList();
        return new ByFamily(ipv4, ipv6,
                names.stream().filter(n -> !ipv4.contains(n) && !ipv6.contains(n)).toList());
    }

    /**
     * Copies records for sm-notify. It passes over one that it cannot read (support/nsm/file.c, nsm_load_host), such as
     * a power cut leaves that comes when statd has just made the file, and the host would lose its locks. So that is made anew,
     * by its name. The emergency stop goes by the same rules (find_damaged in agent/nfs-emergency).
     *
     * @param server see {@link NsmRecord#forNotification}
     * @return the names of those that were made anew
     */
    public List<String> copyForNotification(Collection<String> names, Path from, Path to, String server) throws IOException {
        List<String> whole = new ArrayList<>();
        List<String> damaged = new ArrayList<>();
        for (String name : names) {
            (isWhole(from.resolve(name)) ? whole : damaged).add(name);
        }
        copy(whole, from, to);
        makeForNotification(damaged, to, server);
        return damaged;
    }

    /**
     * Makes records for sm-notify from nothing but what the hosts are called by: it needs no more.
     *
     * @param hosts addresses, or names that sm-notify can look up
     * @param server see {@link NsmRecord#forNotification}
     */
    public void makeForNotification(Collection<String> hosts, Path to, String server) throws IOException {
        for (String host : hosts) {
            files.write(to.resolve(host), NsmRecord.forNotification(host, server).getBytes(StandardCharsets.ISO_8859_1));
        }
    }

    /** Whether sm-notify could read all of a record; false when there is none. */
    public boolean isWhole(Path record) {
        return !readWhole(record).isEmpty();
    }

    /**
     * Brings what is kept of a host up to date, and writes nothing where it says the same already.
     *
     * <p>statd calls a record by what the resolver makes of an address. Where a host has several, or several hosts share that
     * name, it has a line for each, and a host that is monitored again at the same one has its line replaced
     * (utils/statd/monitor.c, sm_mon_1_svc). So a newer record may have an address that the older has not; but also the other way
     * round, until a host has come back at each of its addresses. Of the cookies in the lines nothing is kept but the newest:
     * nobody reads them here.
     *
     * @param from directories of statd's, the newest last
     * @param to where it is kept
     * @param older whether addresses stay that an older record has, or what was kept; else the newest that is whole is all
     * @return whether the last of the directories has no damaged record of the host, which statd may be just writing
     */
    public boolean keep(String host, List<Path> from, Path to, boolean older) throws IOException {
        Path kept = to.resolve(host);
        List<NsmRecord> before = readWhole(kept);
        List<NsmRecord> lines = older ? before : List.of();
        Path newest = null;
        Path damaged = null;
        boolean whole = true;
        for (Path directory : from) {
            Path record = directory.resolve(host);
            List<NsmRecord> found = readWhole(record);
            whole = !found.isEmpty() || Files.notExists(record, LinkOption.NOFOLLOW_LINKS); // which is not: cannot be seen
            if (!found.isEmpty()) {
                lines = older ? merged(lines, found) : found;
                newest = record;
            } else if (!whole) {
                damaged = directory;
            }
        }
        try {
            if (newest != null && !Arrays.equals(bytes(lines), bytes(before))) {
                files.write(kept, bytes(lines), newest);
            } else if (newest == null && damaged != null && !Files.exists(kept, LinkOption.NOFOLLOW_LINKS)) {
                copy(damaged.resolve(host), kept); // more than nothing: it has the name
            }
        } catch (NoSuchFileException e) {
            return true; // statd deleted it: the host is not monitored any more
        }
        return whole;
    }

    /** A line for each address: where both have one, the newer. */
    private static List<NsmRecord> merged(List<NsmRecord> older, List<NsmRecord> newer) {
        Set<String> hosts = newer.stream().map(NsmRecord::host).collect(Collectors.toSet());
        return Stream.concat(older.stream().filter(line -> !hosts.contains(line.host())), newer.stream()).toList();
    }

    private static byte[] bytes(List<NsmRecord> lines) {
        return lines.stream().map(line -> line.text() + "\n").collect(Collectors.joining()).getBytes(StandardCharsets.ISO_8859_1);
    }

    /**
     * Copies records, with owner and mode, over those that are there; one that went away meanwhile is left out. A
     * damaged one never replaces a whole one, which alone may have the host's address. So does the emergency stop
     * (copy_records in agent/nfs-emergency). Of one that cannot be read the name is kept, by an empty one if there is none.
     *
     * @return the names of those that could not be read
     * @throws IOException some could not be copied; all others are
     */
    public List<String> copy(Collection<String> names, Path from, Path to) throws IOException {
        List<String> unread = new ArrayList<>();
        IOException failure = null;
        for (String name : names) {
            try {
                if (!copy(from.resolve(name), to.resolve(name))) {
                    unread.add(name);
                }
            } catch (NoSuchFileException e) {
                // statd deleted it: the host is not monitored any more.
            } catch (IOException e) {
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            throw failure;
        }
        return unread;
    }

    /** @return whether it could be read */
    private boolean copy(Path record, Path to) throws IOException {
        if (!isReadable(record)) {
            if (!Files.exists(to, LinkOption.NOFOLLOW_LINKS)) {
                keepName(record, to);
            }
            return false;
        }
        if (isWhole(record) || !isWhole(to)) {
            files.copyFile(record, to);
        }
        return true;
    }

    private void keepName(Path record, Path to) throws IOException {
        try {
            files.write(to, new byte[0], record);
        } catch (NoSuchFileException e) {
            throw e;
        } catch (IOException e) {
            files.write(to, new byte[0]); // the disk does not even tell whose it is
        }
    }

    private boolean isReadable(Path record) {
        try {
            text(record);
            return true;
        } catch (UnexpectedFormatException e) {
            return true; // too long
        } catch (IOException e) {
            return false;
        }
    }
}
