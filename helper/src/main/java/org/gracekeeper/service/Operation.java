// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.util.function.BiConsumer;
import org.gracekeeper.protocol.Reply.Level;

/**
 * One action on one service while it runs.
 *
 * @param service what is known of the service: resolved by start, read back from /run by everything else
 * @param deadline when the caller stops waiting
 * @param requested when the action was asked for, as {@link System#nanoTime}
 * @param log lines for the agent and the journal
 */
record Operation(RunningService service, Deadline deadline, long requested, BiConsumer<Level, String> log) {

    /** The same of a service of which more is known now. */
    Operation with(RunningService changed) {
        return new Operation(changed, deadline, requested, log);
    }

    /** The same, as if it had been asked for then, by {@link System#nanoTime}. */
    Operation askedFor(long when) {
        return new Operation(service, deadline, when, log);
    }

    Instance instance() {
        return service.instance();
    }

    StateDirectory state() {
        return service.state();
    }

    void info(String text) {
        log.accept(Level.INFO, text);
    }

    void warn(String text) {
        log.accept(Level.WARN, text);
    }
}
