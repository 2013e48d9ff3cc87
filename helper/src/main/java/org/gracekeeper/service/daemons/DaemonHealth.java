// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.time.Duration;
import java.util.Optional;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.node.DaemonProcess;

/**
 * One daemon of a service, as it was seen: a judgement without I/O. Times are those of a clock that nobody sets, in nanoseconds.
 * Not thread-safe.
 */
final class DaemonHealth {
    /** systemd starts one that ended anew within a second; its own reloading may take long on a busy node. */
    static final Duration MISSING = Duration.ofSeconds(15);
    /** What it is asked meanwhile is lost with it: a host that asks for its first lock is refused. */
    static final Duration SILENT = Duration.ofSeconds(25);

    private final String name;
    private Optional<DaemonProcess> process = Optional.empty();
    private long processSince;
    private long missingSince;
    private boolean missing;
    private long silentSince;
    private boolean silent;
    private long cpuWhenSilent;
    private boolean ended;

    DaemonHealth(String name) {
        this.name = name;
    }

    String name() {
        return name;
    }

    /** As it was seen last; it may have ended since. */
    Optional<DaemonProcess> process() {
        return process;
    }

    /** One that is another process at each look does not run: it ends again and again. One that was never seen is not missed. */
    void see(Optional<DaemonProcess> now, long time) {
        boolean other = now.isPresent() && !now.get().isSame(process.orElse(null));
        boolean stays = now.isPresent() && (!other || process.isEmpty());
        if (stays) {
            missing = false;
        } else if (!missing && process.isPresent()) {
            missing = true;
            missingSince = time;
        }
        if (other) {
            processSince = time;
        }
        if (other || now.isPresent() && now.get().isHeldUp()) {
            silent = false;
        }
        process = now.isPresent() ? now : process;
    }

    /**
     * What it made of a call. One that is refused is just starting: systemd sees to it. One that works has used the processor.
     *
     * @param asked when the call was made
     */
    void hear(Answer answer, long asked) {
        boolean lives = answer != Answer.SILENCE || process.isEmpty() || asked - processSince < 0
                || silent && process.get().cpu() > cpuWhenSilent;
        if (lives) {
            silent = false;
            ended = ended && answer != Answer.YES;
        } else if (!silent) {
            silent = true;
            silentSince = asked;
            cpuWhenSilent = process.get().cpu();
        }
    }

    boolean isSilent() {
        return silent;
    }

    /** Whether it is to be ended, for systemd to start it anew: not one after the other. */
    boolean isToEnd(long time) {
        return silent && !ended && since(silentSince, time, SILENT);
    }

    void endedNow() {
        ended = true;
        silent = false;
    }

    /** What nobody puts right; empty when nothing is wrong. */
    String problem(long time) {
        if (missing && since(missingSince, time, MISSING)) {
            return name + " does not run, and systemd does not bring it back";
        }
        return ended && silent && since(silentSince, time, SILENT) ? name + " does not answer, although it was to be started anew"
                : "";
    }

    private static boolean since(long begin, long time, Duration limit) {
        return time - begin >= limit.toNanos();
    }
}
