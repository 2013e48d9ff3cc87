// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.io.IOException;

/** There is no way to systemd over D-Bus, or it has broken off: whoever has another way may take that. */
public final class SystemdUnreachableException extends IOException {
    private static final long serialVersionUID = 1L;

    public SystemdUnreachableException(String message) {
        super(message);
    }

    SystemdUnreachableException(String message, Throwable cause) {
        super(message, cause);
    }
}
