// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.nio.file.Path;

/** File operations whose exact system calls or error numbers matter. Thread-safe. */
public interface FileCalls {
    /**
     * Opens an existing file for writing, gives it the data in exactly one write(2), closes it. Files of nfsd, lockd
     * and
     * sysctl take a value in one piece only, and report what is wrong with it from that write.
     * A short write is an error (EIO).
     */
    void writeOnce(Path file, byte[] data) throws KernelException;

    /**
     * Reads a file from one open to its end, for procfs.
     *
     * @param max bytes; a longer file is an error (EFBIG), never cut
     */
    byte[] read(Path file, int max) throws KernelException;

    /**
     * A transaction file of the nfsd file system: one write(2) of the request, then the answer read on the same
     * descriptor (simple_transaction_get in fs/libfs.c allows one write for each open).
     *
     * @return the answer as ISO 8859-1 text
     */
    String transact(Path file, byte[] request, int maxReply) throws KernelException;

    /** Changes owner and group; of a symbolic link itself, never of what it points to. */
    void chown(Path path, int uid, int gid) throws KernelException;

    /**
     * flock(2) of an existing file, for this program alone and without waiting: EAGAIN when anybody has it. No program
     * that is started gets the descriptor.
     *
     * @return the descriptor that has the lock: to be given up with {@link Kernel#close}, at the latest by the end of this
     *     program
     */
    int lock(Path file) throws KernelException;

    /** fsync(2) of a file or of a directory. */
    void fsync(Path dirOrFile) throws KernelException;

    /** syncfs(2) of the file system that holds the path. */
    void syncfs(Path path) throws KernelException;

    StatFs statfs(Path path) throws KernelException;

    /**
     * st_dev of the path, following symbolic links, as a dev_t of glibc; see
     * {@link org.gracekeeper.model.DeviceId#ofDevT}. On btrfs that is a subvolume's own number, not the one that
     * /proc/locks shows.
     */
    long deviceOf(Path path) throws KernelException;
}
