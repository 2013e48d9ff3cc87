// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import org.gracekeeper.model.UnexpectedFormatException;

/**
 * A daemon's process, as proc_pid_stat(5) has it.
 *
 * @param state R, S, D, T (stopped by a signal), t (traced), Z...
 * @param started in clock ticks since the node's boot: with the number it is this process and no other
 * @param cpu what it has used, in clock ticks
 */
public record DaemonProcess(int pid, char state, long started, long cpu) {
    private static final int UTIME = 11;
    private static final int STIME = 12;
    private static final int STARTTIME = 19;

    /** @param stat the file's text: the name, in parentheses, may have any character */
    public static DaemonProcess parse(int pid, String stat) throws UnexpectedFormatException {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ");
        try {
            return new DaemonProcess(pid, fields[0].charAt(0), Long.parseLong(fields[STARTTIME]),
                    Long.parseLong(fields[UTIME]) + Long.parseLong(fields[STIME]));
        } catch (NumberFormatException | IndexOutOfBoundsException e) {
            throw new UnexpectedFormatException("/proc/" + pid + "/stat", stat);
        }
    }

    public boolean isSame(DaemonProcess other) {
        return other != null && pid == other.pid && started == other.started;
    }

    /** Nobody has taken note of that yet. */
    public boolean hasEnded() {
        return state == 'Z' || state == 'X';
    }

    public boolean isStopped() {
        return state == 'T';
    }

    /** Whether it is silent for a reason that lies elsewhere: a disk that does not answer, or somebody who debugs it. */
    public boolean isHeldUp() {
        return state == 'D' || state == 't';
    }
}
