// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.nio.file.Path;

/** Mounting in the calling thread's mount namespace. Constants as in linux/mount.h. Thread-safe. */
public interface MountCalls {
    long MS_RDONLY = 1;
    long MS_NOSUID = 2;
    long MS_NODEV = 4;
    long MS_NOEXEC = 8;
    long MS_REMOUNT = 32;
    long MS_BIND = 4096;
    long MS_REC = 16384;
    long MS_PRIVATE = 1 << 18;
    long MS_SLAVE = 1 << 19;
    long MS_SHARED = 1 << 20;
    int MNT_DETACH = 2;
    int UMOUNT_NOFOLLOW = 8;

    /**
     * mount(2).
     *
     * @param source device, directory or a mere label; null for changes of propagation
     * @param fstype null for bind mounts and changes of propagation
     * @param data   options of the file system, or null
     */
    void mount(String source, Path target, String fstype, long flags, String data) throws KernelException;

    /** umount2(2). */
    void umount(Path target, int flags) throws KernelException;
}
