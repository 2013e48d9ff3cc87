// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.protocol;

import java.util.Objects;

/**
 * An operation that cannot go on, for a reason the cluster's administrator can act on.
 *
 * <p>The message is one line that says what is wrong, with which object, and what to do; it is what
 * {@code crm_mon} shows.
 */
public final class OcfException extends Exception {
    private static final long serialVersionUID = 1L;

    private final OcfCode code;

    public OcfException(OcfCode code, String message) {
        this(code, message, null);
    }

    public OcfException(OcfCode code, String message, Throwable cause) {
        super(oneLine(message), cause);
        this.code = Objects.requireNonNull(code, "code");
    }

    public OcfCode code() {
        return code;
    }

    private static String oneLine(String message) {
        return message.replaceAll("\\p{Cntrl}+", " ").strip();
    }
}
