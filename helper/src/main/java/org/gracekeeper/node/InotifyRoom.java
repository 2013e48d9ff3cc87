// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.gracekeeper.sys.Kernel;

/**
 * Room for the daemons' inotify instances. The kernel gives each user so many, 128 by default, and root's are systemd's and
 * others', too. Each service's nfsdcld and rpc.mountd have one (utils/nfsdcld/nfsdcld.c, cld_inotify_setup;
 * support/export/v4clients.c): some sixty services use them up. Without one nfsdcld ends, and systemd starts it again and again.
 *
 * <p>It is a limit: what nobody uses costs nothing. So it is raised for good, until the node's next boot, and never lowered.
 * Thread-safe.
 */
public final class InotifyRoom {
    /** For more services than a node has. */
    static final int WANTED = 4096;

    private static final int MAX = 64;

    private final Kernel kernel;
    private final Path limit;

    /** @param limit usually /proc/sys/fs/inotify/max_user_instances */
    public InotifyRoom(Kernel kernel, Path limit) {
        this.kernel = kernel;
        this.limit = limit;
    }

    /** For every start: somebody may have set it since, "sysctl --system" for one. */
    public void make() throws IOException {
        String now = new String(kernel.read(limit, MAX), StandardCharsets.US_ASCII).strip();
        if (!now.matches("[0-9]{1,18}")) {
            throw new IOException(limit + " is \"" + now + "\"");
        }
        if (Long.parseLong(now) < WANTED) {
            kernel.writeOnce(limit, (WANTED + "\n").getBytes(StandardCharsets.US_ASCII));
        }
    }
}
