// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.util.function.BiConsumer;
import org.gracekeeper.protocol.Reply.Level;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.task.Deadline;

/**
 * One action on one service while it runs.
 *
 * @param service what is known of the service: resolved by start, read back from /run by everything else
 * @param deadline when the caller stops waiting
 * @param requested when the action was asked for, as {@link System#nanoTime}
 * @param log lines for the agent and the journal
 */
public record Operation(RunningService service, Deadline deadline, long requested, BiConsumer<Level, String> log) {

    /** The same of a service of which more is known now. */
    public Operation with(RunningService changed) {
        return new Operation(changed, deadline, requested, log);
    }

    /** The same, as if it had been asked for then, by {@link System#nanoTime}. */
    public Operation askedFor(long when) {
        return new Operation(service, deadline, when, log);
    }

    public Instance instance() {
        return service.instance();
    }

    public StateDirectory state() {
        return service.state();
    }

    public void info(String text) {
        log.accept(Level.INFO, text);
    }

    public void warn(String text) {
        log.accept(Level.WARN, text);
    }
}
