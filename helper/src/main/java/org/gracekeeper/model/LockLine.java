// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

/**
 * One line of /proc/locks. Locks of NFS clients have the pid of lockd (NLM) or of an nfsd thread (NFSv4).
 *
 * @param dev    the file system's device, which may differ on another node; the inode and the range do not
 * @param end    last byte, or {@link #EOF}
 * @param waiter whether it waits for the lock above it instead of being held
 */
public record LockLine(Kind kind, Access access, int pid, DeviceId dev, long inode, long start, long end,
        boolean waiter) {
    /** A range without an end. */
    public static final long EOF = Long.MAX_VALUE;

    /** Kinds as lock_get_status() in fs/locks.c names them. */
    public enum Kind { POSIX, FLOCK, OFDLCK, ACCESS, LEASE, DELEG, UNKNOWN }

    /** UNLCK: a lease that is being given up. */
    public enum Access { READ, WRITE, UNLCK }
}
