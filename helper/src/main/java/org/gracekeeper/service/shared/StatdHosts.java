// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.store.DirectoryTimes;

/**
 * The hosts of the node's statd, as they are kept for each service of the node's own nfsd. To look at hundreds of records each time
 * that a service is monitored costs more than all else of a monitor, so they are read again only where something has changed. What
 * was seen last goes with the helper. Thread-safe as far as one service's calls do not overlap.
 */
final class StatdHosts {
    private final NsmRecords nsm;
    private final InstantSource clock;
    private final Map<ServiceName, Seen> seen = new ConcurrentHashMap<>();

    /** @param clock that of the file systems */
    StatdHosts(NsmRecords nsm, InstantSource clock) {
        this.nsm = nsm;
        this.clock = clock;
    }

    /**
     * What statd has at a moment.
     *
     * @param at when it was looked at
     * @param from directories of statd's, the newest last
     * @param times theirs
     * @param names of records
     */
    record Known(Instant at, List<Path> from, List<DirectoryTimes> times, SortedSet<String> names) {
        private boolean settled() {
            return times.stream().allMatch(each -> each.settled(at));
        }
    }

    /**
     * What was kept last, with all that it depended on.
     *
     * @param kept times of the directory where it is kept
     * @param older see {@link #keep}
     */
    private record Seen(Known known, DirectoryTimes kept, boolean older) {}

    /**
     * What statd has now. Nothing of the service's storage is touched, which may hang.
     *
     * @param statd its directory
     */
    Known look(ServiceName service, Path statd) throws IOException {
        List<Path> from = List.of(statd.resolve("sm.bak"), statd.resolve("sm"));
        Instant at = clock.instant();
        List<DirectoryTimes> times = List.of(DirectoryTimes.of(from.get(0)), DirectoryTimes.of(from.get(1)));
        Seen before = seen.get(service);
        if (before != null && before.known().times().equals(times) && before.known().from().equals(from)) {
            return before.known();
        }
        SortedSet<String> names = new TreeSet<>();
        for (Path directory : from) {
            names.addAll(nsm.names(directory));
        }
        return new Known(at, from, times, names);
    }

    /**
     * Brings what is kept for a service up to date.
     *
     * @param older whether hosts and addresses stay that statd does not have: somebody may have to be told there yet
     */
    void keep(ServiceName service, Known known, Path kept, boolean older) throws IOException {
        Instant at = clock.instant();
        DirectoryTimes times = DirectoryTimes.of(kept);
        if (new Seen(known, times, older).equals(seen.get(service))) {
            return;
        }
        seen.remove(service);
        boolean whole = true;
        for (String host : known.names()) {
            whole &= nsm.keep(host, known.from(), kept, older);
        }
        for (String host : older ? List.<String>of() : nsm.names(kept)) {
            if (!known.names().contains(host)) {
                Files.deleteIfExists(kept.resolve(host));
            }
        }
        // A record that is damaged may be just being written, which would not show.
        if (whole && known.settled() && times.settled(at)) {
            seen.put(service, new Seen(known, times, older));
        }
    }

    /** What was seen last: the next look at this service's is a whole one. */
    void forget(ServiceName service) {
        seen.remove(service);
    }
}
