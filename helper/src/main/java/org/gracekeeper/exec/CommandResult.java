// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.time.Duration;
import java.util.List;

/**
 * How a command ended.
 *
 * @param argv     what was run
 * @param exit     exit status; 128 + signal when a signal ended it; {@link #STUCK} when not even SIGKILL ended it
 * @param out      its standard output, cut after {@link ExecCommands#OUTPUT_LIMIT} bytes
 * @param err      its standard error, likewise
 * @param elapsed  from its start to its end
 * @param timedOut whether it was ended because its time was over
 */
public record CommandResult(
        List<String> argv, int exit, String out, String err, Duration elapsed, boolean timedOut) {
    /** The process sleeps uninterruptibly in the kernel and was left behind. */
    public static final int STUCK = -1;
    private static final int SIGNALLED = 128;

    public CommandResult {
        argv = List.copyOf(argv);
    }

    /** Whether it ended by itself with status 0. */
    public boolean ok() {
        return exit == 0 && !timedOut;
    }

    /** Whether it ended by itself and said that it could not do it; one that was ended may have done it all the same. */
    public boolean hasFailed() {
        return exit > 0 && exit < SIGNALLED && !timedOut;
    }

    /** One line for a log or a reason: the command, how it ended and the first line it complained with. */
    public String summary() {
        String end = timedOut ? "took longer than it may" : "exit " + exit;
        String complaint = (err.isBlank() ? out : err).strip().lines().findFirst().map(l -> ": " + l).orElse("");
        return String.join(" ", argv) + ": " + end + complaint;
    }
}
