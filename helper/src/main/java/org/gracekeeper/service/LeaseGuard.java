// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;

/**
 * Keeps nfsd from giving out delegations while a service of this node recovers, by the node's fs.leases-enable.
 *
 * <p>Kernel 6.12 answers every reclaimed open (CLAIM_PREVIOUS) with a delegation if it can, whatever the client asked
 * for (fs/nfsd/nfs4state.c, nfs4_open_delegation). An NLM host that then reclaims its lock on that file has its request
 * dropped, since it conflicts with the delegation; the delegation cannot be returned, since that takes an open and a lock
 * that are refused in grace; and the lock is lost when grace ends: seen. Without a delegation the client reclaims its
 * locks one by one, and the server knows of all of them.
 *
 * <p>The setting is the whole node's: for as long as a recovery takes, nobody gets a new lease. What was granted before
 * stays. The value before is kept in a file, and what ought to be follows from the registry alone, so a helper that was
 * killed puts it right when it is started again. Thread-safe.
 */
final class LeaseGuard {
    private static final int MAX = 64;

    private final Kernel kernel;
    private final DurableFiles files;
    private final Registry registry;
    private final Path setting;
    private final Path saved;

    /**
     * @param setting usually /proc/sys/fs/leases-enable
     * @param saved where the value before is kept
     */
    LeaseGuard(Kernel kernel, DurableFiles files, Registry registry, Path setting, Path saved) {
        this.kernel = kernel;
        this.files = files;
        this.registry = registry;
        this.setting = setting;
        this.saved = saved;
    }

    /** Makes the setting what the services of this node need now. */
    synchronized void update() throws IOException {
        boolean wanted = anyRecovering();
        boolean held = Files.exists(saved);
        if (wanted) {
            if (!held) {
                files.write(saved, kernel.read(setting, MAX));
            }
            kernel.writeOnce(setting, "0\n".getBytes(StandardCharsets.US_ASCII));
        } else if (held) {
            kernel.writeOnce(setting, kernel.read(saved, MAX));
            Files.delete(saved);
        }
    }

    private boolean anyRecovering() throws IOException {
        for (ServiceName name : registry.names()) {
            Optional<RunningService> service = registry.load(name);
            if (service.isPresent() && !service.get().recovered()) {
                return true;
            }
        }
        return false;
    }
}
