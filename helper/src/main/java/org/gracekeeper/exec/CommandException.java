// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.io.IOException;

/** A command that had to succeed and did not. */
public final class CommandException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient CommandResult result;

    public CommandException(CommandResult result) {
        super(result.summary());
        this.result = result;
    }

    public CommandResult result() {
        return result;
    }
}
