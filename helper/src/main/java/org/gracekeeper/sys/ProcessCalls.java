// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

/** Signals to processes, and the helper's own priority. Thread-safe. */
public interface ProcessCalls {
    int SIGKILL = 9;
    int SIGTERM = 15;
    int SIGCONT = 18;

    /** kill(2). */
    void kill(int pid, int signal) throws KernelException;

    /**
     * setpriority(2) for the helper's process group: all of its threads, where a single process's would be that of its
     * first thread alone.
     *
     * @param nice -20 (goes first) to 19
     */
    void setNice(int nice) throws KernelException;

    /** The same for the calling thread alone, and for what it starts. Linux has a nice value for each thread. */
    void setThreadNice(int nice) throws KernelException;
}
