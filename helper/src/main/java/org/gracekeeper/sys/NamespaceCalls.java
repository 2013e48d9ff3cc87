// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.nio.file.Path;

/**
 * Calls that change the calling <em>thread's</em> namespaces. Never on a pooled thread: use {@link Namespaces}.
 * Implementations are thread-safe.
 */
public interface NamespaceCalls {
    /** linux/sched.h: unshare it to stop sharing root, working directory and umask with the other threads. */
    int CLONE_FS = 0x0000_0200;
    int CLONE_NEWNS = 0x0002_0000;
    int CLONE_NEWUTS = 0x0400_0000;
    int CLONE_NEWNET = 0x4000_0000;

    /** setns(2) to the namespace a file refers to; a mount namespace needs unshare(CLONE_FS) first, else EINVAL. */
    default void setns(Path nsFile, NsType type) throws KernelException {
        int fd = openRead(nsFile);
        try {
            setns(fd, type);
        } finally {
            close(fd);
        }
    }

    /** setns(2) by a descriptor from {@link #openRead}. */
    void setns(int fd, NsType type) throws KernelException;

    /** unshare(2) of the calling thread. */
    void unshare(int flags) throws KernelException;

    /** sethostname(2) in the calling thread's UTS namespace. */
    void sethostname(String name) throws KernelException;

    /** open(2) with O_RDONLY and O_CLOEXEC; to be closed with {@link #close}. */
    int openRead(Path file) throws KernelException;

    /** close(2); an error is ignored, as Linux has released the descriptor whatever it says. */
    void close(int fd);
}
