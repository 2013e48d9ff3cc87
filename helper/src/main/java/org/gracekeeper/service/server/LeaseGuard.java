// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;

/**
 * Keeps nfsd from giving out delegations while a service is on this node, by the node's fs.leases-enable.
 *
 * <p>Delegations do not survive a move on kernels with write delegations (6.6 and later; seen on 6.12), whatever is done
 * when the service recovers. Such a kernel answers every reclaimed open (CLAIM_PREVIOUS) with a delegation if it can,
 * whatever the client asked for (fs/nfsd/nfs4state.c, nfs4_open_delegation). Other clients of the file then cannot
 * reclaim: an NLM request that conflicts with the delegation is dropped, an NFSv4 one delayed, and the delegation cannot
 * be returned, since that takes an open and a lock that are refused in grace. Without any delegation in grace these
 * clients are well, but a client that had one before is not: Linux believes to have it still while it reclaims, does not
 * reclaim the locks it kept to itself under it (fs/nfs/nfs4proc.c, nfs4_lock_reclaim), and forgets the delegation
 * afterwards. Its locks are lost, and neither side says so. So no client must ever have one.
 *
 * <p>The setting is the whole node's: others get no new lease either. What was granted before stays. The value before is
 * kept in a file, and what ought to be follows from the registry alone, so a helper that was killed puts it right when it
 * is started again. Thread-safe.
 */
public final class LeaseGuard {
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
    public LeaseGuard(Kernel kernel, DurableFiles files, Registry registry, Path setting, Path saved) {
        this.kernel = kernel;
        this.files = files;
        this.registry = registry;
        this.setting = setting;
        this.saved = saved;
    }

    /** Makes the setting what the services of this node need now. */
    public synchronized void update() throws IOException {
        boolean wanted = anyWithoutDelegations();
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

    /** For the monitor of a service without delegations: sets back what somebody set, at the cost of one reading. */
    public void keepOff() throws IOException {
        if (!"0".equals(new String(kernel.read(setting, MAX), StandardCharsets.US_ASCII).strip())) {
            update();
        }
    }

    private boolean anyWithoutDelegations() throws IOException {
        for (ServiceName name : registry.names()) {
            try {
                // A start that has no claim yet may come to nothing.
                Optional<RunningService> service = registry.isClaimed(name) ? registry.load(name) : Optional.empty();
                if (service.isPresent() && !service.get().config().delegations()) {
                    return true;
                }
            } catch (IOException e) {
                return true; // it is just being written or removed, or damaged: without leases nobody loses a lock
            }
        }
        return false;
    }
}
