// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

/**
 * The system calls the helper makes, by concern. This is the seam that tests replace; {@link LinuxKernel} is the real
 * one. Every failure is a {@link KernelException} with the errno of that very call. Thread-safe.
 */
public interface Kernel extends NamespaceCalls, MountCalls, FileCalls, ProcessCalls, SocketCalls {
    @Override
    void close(int fd);
}
