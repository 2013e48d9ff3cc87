// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * What nfsd remembers of exports, in the calling <em>thread's</em> net namespace; its entries hold the file systems. Thread-safe.
 */
public final class ExportCaches {
    /** Of the calling thread: /proc/net would be the process's. */
    public static final Path PROC_NET_RPC = Path.of("/proc/thread-self/net/rpc");

    /** Whoever refers to others comes before them, as in nfs-utils (support/nfs/cacheio.c, cache_flush). */
    private static final List<String> CACHES = List.of("auth.unix.ip", "auth.unix.gid", "nfsd.fh", "nfsd.export");

    private final Kernel kernel;
    private final Path root;

    /** @param root usually {@link #PROC_NET_RPC} */
    public ExportCaches(Kernel kernel, Path root) {
        this.kernel = kernel;
        this.root = root;
    }

    /**
     * Empties them, as {@code exportfs -f}; those that the kernel does not have are passed over.
     *
     * @throws IOException the first failure; the others were emptied all the same
     */
    public void flush() throws IOException {
        // Since 4.16 the kernel takes any number for "now" (net/sunrpc/cache.c, write_flush).
        byte[] now = (Instant.now().getEpochSecond() + 1 + "\n").getBytes(StandardCharsets.US_ASCII);
        KernelException first = null;
        for (String cache : CACHES) {
            try {
                kernel.writeOnce(root.resolve(cache).resolve("flush"), now);
            } catch (KernelException e) {
                if (e.errno() != Errno.ENOENT && first == null) {
                    first = e;
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }
}
