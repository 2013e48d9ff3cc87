// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.time.Duration;
import java.util.Optional;
import org.gracekeeper.net.RpcClient.Answer;

/**
 * One daemon of a service, as it was seen: a judgement without I/O. Times are those of a clock that nobody sets, in nanoseconds.
 * Not thread-safe.
 */
final class DaemonHealth {
    /** systemd starts one that ended anew within a second; its own reloading may take long on a busy node. */
    static final Duration MISSING = Duration.ofSeconds(15);
    /** A storage that stalls makes statd wait, too, and it is not to be ended for that. */
    static final Duration SILENT = Duration.ofSeconds(25);

    private final String name;
    private Optional<DaemonProcess> process = Optional.empty();
    private long missingSince;
    private boolean missing;
    private long silentSince;
    private boolean silent;
    private long cpuWhenSilent;
    private boolean ended;

    DaemonHealth(String name) {
        this.name = name;
    }

    Optional<DaemonProcess> process() {
        return process;
    }

    /** @return whether it is another process than before */
    boolean see(Optional<DaemonProcess> now, long time) {
        boolean other = now.isPresent() && !now.get().isSame(process.orElse(null));
        if (other) {
            silent = false;
        }
        if (now.isPresent()) {
            process = now;
            missing = false;
        } else if (!missing) {
            missing = true;
            missingSince = time;
        }
        return other;
    }

    /** What it made of a call. One that is refused is just starting: systemd sees to it. */
    void hear(Answer answer, long time) {
        boolean works = answer != Answer.SILENCE || process.isEmpty() || silent && process.get().cpu() > cpuWhenSilent;
        if (works) {
            silent = false;
            ended = ended && answer != Answer.YES;
        } else if (!silent) {
            silent = true;
            silentSince = time;
            cpuWhenSilent = process.get().cpu();
        }
    }

    /** Whether it is to be ended, for systemd to start it anew: not one that waits for the disk, and not one after the other. */
    boolean isToEnd(long time) {
        return silent && !ended && process.isPresent() && process.get().state() != 'D' && since(silentSince, time, SILENT);
    }

    void endedNow() {
        ended = true;
        silent = false;
    }

    /** What nobody puts right; empty when nothing is wrong. */
    String problem(long time) {
        if (missing && since(missingSince, time, MISSING)) {
            return name + " does not run, and systemd has not brought it back";
        }
        return ended && silent && since(silentSince, time, SILENT) ? name + " does not answer, and did not when it was started anew"
                : "";
    }

    private static boolean since(long begin, long time, Duration limit) {
        return time - begin >= limit.toNanos();
    }
}
