// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;

/**
 * The functions of libc in use, by interface mapping. {@code throws LastErrorException} takes errno within the call,
 * and
 * is right only for functions that leave errno alone when they succeed, as bare system calls do.
 *
 * <p>Strings and structures travel as byte arrays (strings end with NUL): JNA's own conversions allocate native memory
 * and thereby start its cleaner thread, which would stay in the namespaces of the thread that was first, for half a
 * minute. {@code size_t}, {@code ssize_t} and {@code long} are Java longs: 64-bit Linux only, checked by
 * {@link LinuxKernel#load}.
 */
interface Libc extends Library {
    int O_RDONLY = 0;
    int O_WRONLY = 1;
    int O_RDWR = 2;
    int O_CLOEXEC = 0x80000;
    int LOCK_EX = 2;
    int LOCK_NB = 4;
    int PRIO_PROCESS = 0;
    int PRIO_PGRP = 1;

    int setns(int fd, int nstype) throws LastErrorException;

    int unshare(int flags) throws LastErrorException;

    int sethostname(byte[] name, long length) throws LastErrorException;

    int mount(byte[] source, byte[] target, byte[] fstype, long flags, byte[] data) throws LastErrorException;

    int umount2(byte[] target, int flags) throws LastErrorException;

    int open(byte[] path, int flags) throws LastErrorException;

    int close(int fd) throws LastErrorException;

    long read(int fd, byte[] buffer, long count) throws LastErrorException;

    long write(int fd, byte[] buffer, long count) throws LastErrorException;

    int flock(int fd, int operation) throws LastErrorException;

    int kill(int pid, int signal) throws LastErrorException;

    int setpriority(int which, int who, int prio) throws LastErrorException;

    int lchown(byte[] path, int uid, int gid) throws LastErrorException;

    int fsync(int fd) throws LastErrorException;

    int syncfs(int fd) throws LastErrorException;

    /** struct statfs of 64-bit Linux is 120 bytes: f_type at 0, f_flags at 80. */
    int statfs(byte[] path, byte[] buffer) throws LastErrorException;

    int socket(int domain, int type, int protocol) throws LastErrorException;

    int setsockopt(int fd, int level, int name, byte[] value, int length) throws LastErrorException;

    int bind(int fd, byte[] address, int length) throws LastErrorException;

    int listen(int fd, int backlog) throws LastErrorException;

    long sendto(int fd, byte[] data, long length, int flags, byte[] address, int addressLength)
            throws LastErrorException;

    long recv(int fd, byte[] buffer, long length, int flags) throws LastErrorException;

    int poll(byte[] fds, long count, int timeoutMillis) throws LastErrorException;

    int ioctl(int fd, long request, byte[] argument) throws LastErrorException;
}
