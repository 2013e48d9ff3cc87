// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceName;

/**
 * The transient node attribute {@code gracekeeper-NAME}, which tells the cluster's administrator whether a service
 * here is recovering or serving. It is information only: setting it happens in the background, and a cluster that does
 * not take it keeps nobody waiting. Thread-safe.
 */
public final class ClusterAttribute {
    private static final System.Logger LOG = System.getLogger(ClusterAttribute.class.getName());
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Node node;
    private final ExecutorService background = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "node attribute");
        thread.setDaemon(true);
        return thread;
    });

    public ClusterAttribute(Node node) {
        this.node = node;
    }

    public void set(ServiceName name, String value) {
        run(List.of("attrd_updater", "-n", "gracekeeper-" + name, "-U", value));
    }

    public void delete(ServiceName name) {
        run(List.of("attrd_updater", "-n", "gracekeeper-" + name, "-D"));
    }

    private void run(List<String> argv) {
        if (!node.hasTool(argv.get(0))) {
            return;
        }
        background.execute(() -> {
            try {
                CommandResult result = node.commands().run(LIMIT, null, argv);
                if (result.exit() != 0) {
                    LOG.log(System.Logger.Level.DEBUG, String.join(" ", argv) + ": " + result.err().strip());
                }
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "node attribute: " + e.getMessage());
            }
        });
    }
}
