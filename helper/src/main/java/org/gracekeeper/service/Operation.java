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
 * @param log lines for the agent and the journal
 */
record Operation(RunningService service, Deadline deadline, BiConsumer<Level, String> log) {

    Instance instance() {
        return service.instance();
    }

    StateDirectory state() {
        return service.state();
    }

    /** The same for what is known of the service now. */
    Operation of(RunningService now) {
        return new Operation(now, deadline, log);
    }

    void info(String text) {
        log.accept(Level.INFO, text);
    }

    void warn(String text) {
        log.accept(Level.WARN, text);
    }
}
