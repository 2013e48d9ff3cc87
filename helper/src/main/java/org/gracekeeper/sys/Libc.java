// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;

/**
 * The functions of libc in use, by JNA's direct mapping: calls through an interface take many times as long until Java has
 * compiled all that is behind them, and a start makes hundreds while clients wait. {@code throws LastErrorException} takes errno
 * within the call, and is right only for functions that leave errno alone when they succeed, as bare system calls do.
 *
 * <p>Strings and structures travel as byte arrays (strings end with NUL): JNA's own conversions allocate native memory
 * and thereby start its cleaner thread, which would stay in the namespaces of the thread that was first, for half a
 * minute. {@code size_t}, {@code ssize_t} and {@code long} are Java longs: 64-bit Linux only, checked by
 * {@link LinuxKernel#load}.
 */
final class Libc {
    static final int O_RDONLY = 0;
    static final int O_WRONLY = 1;
    static final int O_RDWR = 2;
    static final int O_CLOEXEC = 0x80000;
    static final int LOCK_EX = 2;
    static final int LOCK_NB = 4;
    static final int PRIO_PROCESS = 0;
    static final int PRIO_PGRP = 1;

    static {
        Native.register(Libc.class, "libc.so.6");
    }

    native int setns(int fd, int nstype) throws LastErrorException;

    native int unshare(int flags) throws LastErrorException;

    native int sethostname(byte[] name, long length) throws LastErrorException;

    native int mount(byte[] source, byte[] target, byte[] fstype, long flags, byte[] data) throws LastErrorException;

    native int umount2(byte[] target, int flags) throws LastErrorException;

    native int open(byte[] path, int flags) throws LastErrorException;

    native int close(int fd) throws LastErrorException;

    native long read(int fd, byte[] buffer, long count) throws LastErrorException;

    native long write(int fd, byte[] buffer, long count) throws LastErrorException;

    native int flock(int fd, int operation) throws LastErrorException;

    native int kill(int pid, int signal) throws LastErrorException;

    native int setpriority(int which, int who, int prio) throws LastErrorException;

    native int lchown(byte[] path, int uid, int gid) throws LastErrorException;

    native int fsync(int fd) throws LastErrorException;

    native int syncfs(int fd) throws LastErrorException;

    /** struct statfs of 64-bit Linux is 120 bytes: f_type at 0, f_flags at 80. */
    native int statfs(byte[] path, byte[] buffer) throws LastErrorException;

    native int socket(int domain, int type, int protocol) throws LastErrorException;

    native int setsockopt(int fd, int level, int name, byte[] value, int length) throws LastErrorException;

    native int bind(int fd, byte[] address, int length) throws LastErrorException;

    native int listen(int fd, int backlog) throws LastErrorException;

    native long sendto(int fd, byte[] data, long length, int flags, byte[] address, int addressLength)
            throws LastErrorException;

    native long recv(int fd, byte[] buffer, long length, int flags) throws LastErrorException;

    native int poll(byte[] fds, long count, int timeoutMillis) throws LastErrorException;

    native int ioctl(int fd, long request, byte[] argument) throws LastErrorException;
}
