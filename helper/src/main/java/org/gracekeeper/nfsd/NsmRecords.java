// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.store.DurableFiles;

/**
 * statd's records of NLM clients, a file for each host in {@code sm/} or {@code sm.bak/} (support/nsm/file.c of
 * nfs-utils). In a namespace without DNS the file's name is the client's address. Like statd, it ignores names that
 * begin
 * with a dot and what is not a regular file. Thread-safe as far as the directories are left alone.
 */
public final class NsmRecords {
    private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
    private static final Pattern IPV6 = Pattern.compile("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%.+)?");

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
        try (Stream<Path> list = Files.list(directory)) {
            return list.filter(p -> Files.isRegularFile(p, LinkOption.NOFOLLOW_LINKS))
                    .map(p -> p.getFileName().toString()).filter(n -> !n.startsWith(".")).sorted().toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }

    /**
     * What a record says, a line of it each. A symbolic link is not followed: statd's directory is not root's.
     *
     * @return none when there is no such record
     * @throws UnexpectedFormatException a line is none of statd's, or there are too many
     */
    public List<NsmRecord> read(Path record) throws IOException {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(record, LinkOption.NOFOLLOW_LINKS)) {
            bytes = in.readNBytes(MAX_RECORD + 1);
        } catch (NoSuchFileException e) {
            return List.of(); // statd deleted it: the host is not monitored any more
        }
        if (bytes.length > MAX_RECORD) {
            throw new UnexpectedFormatException("statd's record", "more than " + MAX_RECORD + " bytes");
        }
        List<NsmRecord> lines = new ArrayList<>();
        for (String line : new String(bytes, StandardCharsets.ISO_8859_1).lines().toList()) {
            lines.add(NsmRecord.parse(line));
        }
        return lines;
    }

    public static ByFamily split(Collection<String> names) {
        List<String> ipv4 = names.stream().filter(n -> IPV4.matcher(n).matches()).toList();
        List<String> ipv6 = names.stream().filter(n -> IPV6.matcher(n).matches()).toList();
        return new ByFamily(ipv4, ipv6,
                names.stream().filter(n -> !ipv4.contains(n) && !ipv6.contains(n)).toList());
    }

    /**
     * Copies records durably for sm-notify. It passes over one that it cannot read (support/nsm/file.c, nsm_load_host), such as
     * a power cut leaves that comes when statd has just made the file, and the host would lose its locks. So that is made anew,
     * by its name. The emergency stop goes by the same rules (find_damaged in agent/nfs-emergency).
     *
     * @param server see {@link NsmRecord#forNotification}
     * @param owner for whom sm-notify gives up root; of those that are made anew, the others keep theirs
     * @return the names of those that were made anew
     */
    public List<String> copyForNotification(Collection<String> names, Path from, Path to, String server, UserPrincipal owner)
            throws IOException {
        List<String> whole = new ArrayList<>();
        List<String> damaged = new ArrayList<>();
        for (String name : names) {
            (isWhole(from.resolve(name)) ? whole : damaged).add(name);
        }
        copy(whole, from, to);
        for (String name : damaged) {
            files.write(to.resolve(name), NsmRecord.forNotification(name, server).getBytes(StandardCharsets.ISO_8859_1));
            Files.setOwner(to.resolve(name), owner);
        }
        return damaged;
    }

    /** Whether sm-notify could read all of a record; false when there is none. */
    public boolean isWhole(Path record) throws IOException {
        try {
            return Files.isRegularFile(record, LinkOption.NOFOLLOW_LINKS) && !read(record).isEmpty();
        } catch (UnexpectedFormatException e) {
            return false;
        }
    }

    /**
     * Whether a record adds to what is kept of its host: where nothing is, or only a damaged record, and this one is whole.
     *
     * @param kept the host's record there, if there is one
     */
    public boolean adds(Path record, Path kept) throws IOException {
        return !Files.exists(kept, LinkOption.NOFOLLOW_LINKS) || !isWhole(kept) && isWhole(record);
    }

    /**
     * Copies records durably, with owner and mode, over those that are there; one that went away meanwhile is left out. A
     * damaged one never replaces a whole one, which alone may have the host's address. So does the emergency stop
     * (copy_records in agent/nfs-emergency).
     */
    public void copy(Collection<String> names, Path from, Path to) throws IOException {
        for (String name : names) {
            Path record = from.resolve(name);
            if (isWhole(record) || !isWhole(to.resolve(name))) {
                try {
                    files.copyFile(record, to.resolve(name));
                } catch (NoSuchFileException e) {
                    // statd deleted it: the host is not monitored any more.
                }
            }
        }
    }
}
