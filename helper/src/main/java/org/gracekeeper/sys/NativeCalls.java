// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.LastErrorException;
import java.nio.charset.StandardCharsets;
import java.util.function.LongSupplier;

/** What all users of {@link Libc} share: typed failures and C strings. */
final class NativeCalls {
    private NativeCalls() {
    }

    /** Runs one native call; its errno, if any, becomes a {@link KernelException}. */
    static long check(String call, Object object, LongSupplier nativeCall) throws KernelException {
        try {
            return nativeCall.getAsLong();
        } catch (LastErrorException e) {
            throw failure(call, object, e);
        }
    }

    static KernelException failure(String call, Object object, LastErrorException e) {
        // JNA's message is "[errno] strerror(errno)".
        String text = e.getMessage().replaceFirst("^\\[\\d+] ?", "");
        return new KernelException(call, String.valueOf(object), e.getErrorCode(), text);
    }

    /** UTF-8 with a NUL at the end; null stays null. A NUL within is refused, as C would end the string there. */
    static byte[] cString(Object value) {
        if (value == null) {
            return null;
        }
        String text = value.toString();
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("NUL within a string for the kernel");
        }
        return (text + '\0').getBytes(StandardCharsets.UTF_8);
    }
}
