// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** Runs external commands; the seam that tests replace. {@link ExecCommands} is the real one. */
@FunctionalInterface
public interface Commands {
    /**
     * Runs a command to its end, in the namespaces of the calling thread. Never through a shell.
     *
     * @param timeout after which it is ended
     * @param stdin   what it reads on its standard input; null for nothing
     * @throws IOException                      it could not be started
     * @throws java.io.InterruptedIOException   the calling thread was interrupted; the command has been ended, and the
     *                                          thread's interrupt status is set
     */
    CommandResult run(Duration timeout, String stdin, List<String> argv) throws IOException;
}
