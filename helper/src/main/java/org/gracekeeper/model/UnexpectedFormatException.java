// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.io.IOException;

/** Text of the kernel or of nfs-utils that does not have the form it has in the versions this project knows. */
public final class UnexpectedFormatException extends IOException {
    private static final long serialVersionUID = 1L;
    private static final int SHOWN = 200;

    /**
     * @param source what was read, e.g. {@code /proc/locks}
     * @param text   the line or value that was not understood
     */
    public UnexpectedFormatException(String source, String text) {
        super(source + ": not understood: " + (text.length() > SHOWN ? text.substring(0, SHOWN) + "..." : text));
    }
}
