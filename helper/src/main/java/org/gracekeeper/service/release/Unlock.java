// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.util.function.Consumer;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Step;

/** What {@code gracekeeper unlock} does, for any NFS server of the node. Thread-safe. */
public final class Unlock {
    private final PathUnlock paths;
    private final AddressUnlock addresses;

    public Unlock(PathUnlock paths, AddressUnlock addresses) {
        this.paths = paths;
        this.addresses = addresses;
    }

    /**
     * One call of it.
     *
     * @param dryRun whether only to look
     * @param log is told of each thing that is done as soon as it is done
     */
    public record Call(boolean dryRun, Deadline deadline, Consumer<String> log) {}

    /**
     * Releases what NFS clients hold on one file system.
     *
     * @param directory where it is mounted
     * @return of a dry run, complete
     * @throws OcfException (ARGS) it is no mount point, or no file system of NFS; (NOT_RUNNING) no nfsd serves it; nothing was
     *     done
     * @throws IOException it cannot be told what is held; nothing was done
     */
    public Outcome path(String directory, Call call) throws OcfException, IOException, InterruptedException {
        return paths.unlock(directory, call);
    }

    /**
     * Releases the NLM locks that were taken through one of the servers' addresses.
     *
     * @return of a dry run, complete
     * @throws OcfException (ARGS) it is no address, or nobody's; (NOT_RUNNING) its nfsd does not run; nothing was done
     * @throws IOException it cannot be told what is held; nothing was done
     */
    public Outcome address(String address, Call call) throws OcfException, IOException, InterruptedException {
        return addresses.unlock(address, call);
    }

    /**
     * What the kernel said to a write. It proves nothing: neither that something was released, nor, where it refused, that
     * nothing was.
     */
    public record Claim(String text, boolean done) {}

    static Outcome dryRun(String found) {
        return new Outcome(found + "nothing was released: this was a dry run\n", true);
    }

    public static Claim claim(String what, Deadline limit, Step step) throws InterruptedException {
        if (limit.passed()) {
            return new Claim(what + ": not tried, there was no time left: ask again", false);
        }
        try {
            Bounded.run(what, limit.remaining(), step);
            return new Claim(what + ": the kernel says done", true);
        } catch (IOException e) {
            return new Claim(what + ": " + e.getMessage(), false);
        }
    }
}
