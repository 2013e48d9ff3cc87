// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * The helper's priority. What it works on all clients of a service wait for, so it goes before others on a busy node; but
 * only once it has started. The start of a Java runtime is seconds of work on a slow processor, which would leave Pacemaker a
 * tenth of it, and nobody waits for a helper but Pacemaker itself. What nobody waits for at all comes after everybody: at a
 * node's boot Pacemaker starts at that time, and kills those of its own daemons that do not answer.
 */
final class Priority {
    private static final System.Logger LOG = System.getLogger(Priority.class.getName());
    private static final int NICE = -10;
    /** Not the last: all threads of a Java runtime stop together now and then, and wait for the slowest. */
    private static final int LATER = 10;
    /** Of the process's session, see sched(7), "The autogroup feature": where it is on, only it counts among sessions. */
    private static final Path AUTOGROUP = Path.of("/proc/self/autogroup");

    private Priority() {}

    /** For a thread of which nobody waits for anything: after {@link #raise}. */
    static void lowerThread(Kernel kernel) {
        try {
            kernel.setThreadNice(LATER);
        } catch (KernelException e) {
            LOG.log(System.Logger.Level.WARNING, "the helper's start goes on at its ordinary priority: " + e.getMessage());
        }
    }

    /** To be called when the helper is ready for work. By hand it would be the priority of the caller's session. */
    static void raise(Kernel kernel) {
        if (System.getenv("INVOCATION_ID") == null) {
            return;
        }
        try {
            kernel.setNice(NICE);
            if (AUTOGROUP.toFile().exists()) {
                kernel.writeOnce(AUTOGROUP, Integer.toString(NICE).getBytes(StandardCharsets.US_ASCII));
            }
        } catch (KernelException e) {
            LOG.log(System.Logger.Level.WARNING, "the helper keeps its ordinary priority: " + e.getMessage());
        }
    }
}
