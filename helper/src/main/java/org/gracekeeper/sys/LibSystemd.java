// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * The functions of libsystemd in use, sd-bus(3). Handles are longs; strings are byte arrays that end with NUL, as in
 * {@link Libc}. All but the last three return a negative errno for a failure. None of those with variable arguments is here.
 */
final class LibSystemd {
    /** Offsets in {@code struct sd_bus_error}: name and text, each a pointer to a string. */
    static final int ERROR_NAME = 0;
    static final int ERROR_MESSAGE = 8;

    static {
        Native.register(LibSystemd.class, "libsystemd.so.0");
    }

    native int sd_bus_new(long[] bus);

    native int sd_bus_set_address(long bus, byte[] address);

    native int sd_bus_start(long bus);

    native int sd_bus_message_new_method_call(long bus, long[] message, byte[] destination, byte[] path, byte[] iface,
            byte[] member);

    native int sd_bus_message_append_basic(long message, byte type, byte[] value);

    native int sd_bus_send(long bus, long message, long[] cookie);

    native int sd_bus_process(long bus, long[] message);

    native int sd_bus_wait(long bus, long micros);

    native int sd_bus_message_get_reply_cookie(long message, long[] cookie);

    /** {@code const sd_bus_error *}, null for what is no error; it lives as long as the message. */
    native Pointer sd_bus_message_get_error(long message);

    native long sd_bus_message_unref(long message);

    native long sd_bus_close_unref(long bus);
}
