// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

/**
 * What statfs(2) says about a file system.
 *
 * @param type     f_type, a magic number of linux/magic.h
 * @param readOnly whether this mount or the file system is read-only (ST_RDONLY)
 * @param available bytes that a user without privileges can still write
 */
public record StatFs(long type, boolean readOnly, long available) {
    public static final long TMPFS_MAGIC = 0x01021994L;
    public static final long NFS_SUPER_MAGIC = 0x6969L;
    public static final long NFSD_MAGIC = 0x6e667364L;
    public static final long BTRFS_SUPER_MAGIC = 0x9123683EL;
    public static final long GFS2_MAGIC = 0x01161970L;
    public static final long OCFS2_SUPER_MAGIC = 0x7461636fL;
    public static final long NSFS_MAGIC = 0x6e736673L;
    public static final long RPC_PIPEFS_MAGIC = 0x67596969L;
}
