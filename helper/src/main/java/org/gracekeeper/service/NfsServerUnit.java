// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;

/** nfs-server.service, which starts the node's own nfsd, as systemd knows it. Stateless, thread-safe. */
final class NfsServerUnit {
    private static final String NAME = "nfs-server.service";

    private final Node node;

    NfsServerUnit(Node node) {
        this.node = node;
    }

    /** Whether it is about to be started or stopped, be it that this waits for other units. */
    boolean hasJob(Deadline deadline) throws IOException {
        return show("Job", deadline).matches("[1-9][0-9]*");
    }

    private String show(String property, Deadline deadline) throws IOException {
        return node.run(deadline, "systemctl", "show", "--value", "--property=" + property, NAME).out().strip();
    }
}
