// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.store.DurableFiles;

/**
 * What a restart of the node's own nfsd keeps below /run: how to finish it, for a helper after one that was killed in the middle
 * or for the emergency stop, and which NFSv3 hosts have to be told. Thread-safe as far as restarts do not overlap.
 */
public final class RestartState {
    private final DurableFiles files;
    private final NsmRecords nsm;
    private final Path directory;

    public RestartState(DurableFiles files, Path directory) {
        this.files = files;
        this.nsm = new NsmRecords(files);
        this.directory = directory;
    }

    /**
     * One that has begun, and whose hosts have not been told yet.
     *
     * @param scope the nodename under which nfsd starts; null for the node's own
     */
    record Unfinished(int threads, String scope) {}

    /** To be called before anything is done to nfsd. */
    void begin(Unfinished restart) throws IOException {
        Files.createDirectories(directory);
        forgetTold();
        String text = restart.threads() + "\n" + (restart.scope() == null ? "" : restart.scope()) + "\n";
        files.write(unfinishedFile(), text.getBytes(StandardCharsets.US_ASCII));
    }

    boolean isUnfinished() {
        return Files.exists(unfinishedFile());
    }

    Optional<Unfinished> unfinished() throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(unfinishedFile(), StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
        if (lines.isEmpty() || !lines.get(0).matches("[1-9][0-9]{0,5}")) {
            throw new UnexpectedFormatException(unfinishedFile().toString(), String.join(" ", lines));
        }
        String scope = lines.size() > 1 && !lines.get(1).isEmpty() ? lines.get(1) : null;
        return Optional.of(new Unfinished(Integer.parseInt(lines.get(0)), scope));
    }

    void finished() throws IOException {
        files.deleteTree(unfinishedFile());
        forgetTold();
    }

    /** NFSv4 clients are about to be recorded with nfsdcld for a restart. Those of before that are still here stay. */
    void keepRecorded(List<NfsdcldDb.Entry> entries) throws IOException {
        Set<NfsdcldDb.Entry> all = new LinkedHashSet<>();
        try {
            all.addAll(recorded());
        } catch (UnexpectedFormatException e) {
            // Whatever it was, it is replaced.
        }
        if (all.addAll(entries)) {
            Files.createDirectories(directory);
            files.write(recordedFile(), all.stream().map(entry -> entry.epoch() + " " + entry.owner() + "\n")
                    .collect(Collectors.joining()).getBytes(StandardCharsets.US_ASCII));
        }
    }

    boolean hasRecorded() {
        return Files.exists(recordedFile());
    }

    /** Those that have to be taken back should that restart be given up. */
    List<NfsdcldDb.Entry> recorded() throws IOException {
        List<NfsdcldDb.Entry> entries = new ArrayList<>();
        for (String line : hasRecorded() ? Files.readAllLines(recordedFile(), StandardCharsets.ISO_8859_1) : List.<String>of()) {
            if (!line.matches("[0-9]{1,18} ([0-9a-f]{2})*")) {
                throw new UnexpectedFormatException(recordedFile().toString(), line);
            }
            int space = line.indexOf(' ');
            entries.add(new NfsdcldDb.Entry(Long.parseLong(line.substring(0, space)), line.substring(space + 1)));
        }
        return entries;
    }

    /** nfsd has restarted with them, or they were taken back. */
    void forgetRecorded() throws IOException {
        files.deleteTree(recordedFile());
    }

    /** Whether the emergency stop has told the hosts, for a helper that could not. */
    boolean isTold() {
        return Files.exists(toldFile());
    }

    /** They have to be told anew: nfsd has been started since. */
    void forgetTold() throws IOException {
        Files.deleteIfExists(toldFile());
    }

    /** Records of the hosts that have to be told, as statd's. */
    Path hosts() {
        return directory.resolve("sm");
    }

    /**
     * A stop of lockd makes statd forget its hosts. They are added to those of a restart before, as long as they may reclaim; and
     * to those that statd has to notify should the node boot. Of several records of a host the one that statd has now counts for
     * its addresses, unless it is damaged: what is left in sm.bak may be of any age. For addresses that it does not have the
     * others count: that a host has come back at one does not mean that it has at all.
     *
     * @param statd its directory
     */
    void keepHosts(Path statd) throws IOException {
        Files.createDirectories(hosts());
        Path bak = statd.resolve("sm.bak");
        List<Path> from = List.of(bak, statd.resolve("sm"));
        SortedSet<String> names = new TreeSet<>();
        for (Path directory : from) {
            names.addAll(nsm.names(directory));
        }
        for (String host : names) {
            nsm.keep(host, from, hosts(), true);
        }
        for (String host : Files.isDirectory(bak) ? nsm.names(hosts()) : List.<String>of()) {
            nsm.keep(host, List.of(hosts()), bak, false); // only what is other: clients may be waiting
        }
    }

    /** Nobody can reclaim any more. Hosts that statd monitors again it need not keep twice. */
    void forgetHosts(Path statd) throws IOException {
        for (String host : nsm.names(hosts())) {
            if (Files.exists(statd.resolve("sm").resolve(host))) {
                Files.deleteIfExists(statd.resolve("sm.bak").resolve(host));
            }
        }
        files.deleteTree(hosts());
    }

    /**
     * None that a host was told before: it would not heed it. The clock alone would give two restarts within a second the same
     * one, or, set back, an old one.
     */
    NsmState nextNumber(Instant now) throws IOException {
        NsmState fresh = NsmState.beyondCounting(now);
        NsmState number = lastNumber().map(NsmState::next).filter(next -> next.value() > fresh.value()).orElse(fresh);
        Files.createDirectories(directory);
        files.write(numberFile(), number.bytes());
        return number;
    }

    private Optional<NsmState> lastNumber() throws IOException {
        try {
            return NsmState.read(numberFile());
        } catch (UnexpectedFormatException e) {
            return Optional.empty(); // whatever it was, it is replaced
        }
    }

    private Path numberFile() {
        return directory.resolve("state");
    }

    private Path toldFile() {
        return directory.resolve("told");
    }

    private Path recordedFile() {
        return directory.resolve("recorded");
    }

    private Path unfinishedFile() {
        return directory.resolve("threads");
    }
}
