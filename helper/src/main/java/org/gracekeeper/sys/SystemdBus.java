// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * systemd's manager, asked over D-Bus; the seam that tests replace. {@link SdBus} is the real one. Thread-safe.
 */
@FunctionalInterface
public interface SystemdBus {
    /**
     * A call of one of its methods.
     *
     * @param method    of the interface org.freedesktop.systemd1.Manager, see org.freedesktop.systemd1(5)
     * @param arguments all of them strings
     */
    record Call(String method, List<String> arguments) {
        public Call {
            arguments = List.copyOf(arguments);
        }

        @Override
        public String toString() {
            return method + " " + String.join(" ", arguments);
        }
    }

    /**
     * Makes all calls, in this order, and waits for all answers. What the answers say is not handed back.
     *
     * @throws SystemdUnreachableException    systemd cannot be asked in this way. It may have heard some of the calls
     * @throws java.io.InterruptedIOException the calling thread was interrupted, and its interrupt status is set
     * @throws IOException                    it refuses a call (the others are made), or has not answered in time
     */
    void call(List<Call> calls, Duration timeout) throws IOException;
}
