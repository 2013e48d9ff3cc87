// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gracekeeper.model.LockLine;

/** Tells the NFS server's locks in /proc/locks from those of local processes. */
final class LockFilter {
    private LockFilter() {}

    /**
     * Whether the kernel's NFS server holds or waits for this lock. Its pid is that of lockd or of an nfsd thread
     * (fs/lockd/svclock.c, fs/nfsd/nfs4state.c), which may have ended while its lock is still there.
     */
    static boolean isServers(LockLine line) {
        if (line.pid() <= 0) {
            return false;
        }
        Path proc = Path.of("/proc", Integer.toString(line.pid()));
        try {
            String comm = Files.readString(proc.resolve("comm")).strip();
            return comm.equals("lockd") || comm.equals("nfsd");
        } catch (IOException e) {
            return !Files.exists(proc);
        }
    }
}
