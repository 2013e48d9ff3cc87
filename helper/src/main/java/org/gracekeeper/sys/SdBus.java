// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.gracekeeper.sys.NativeCalls.cString;

import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * {@link SystemdBus} through libsystemd.so.0, which is on every node that systemd runs on. To be called from the process's
 * own mount namespace, where systemd's socket is.
 *
 * <p>Each call has a connection of its own: sd-bus allows one thread at a time on it, and systemd sends its signals to whoever
 * is connected there, read or not (bus_foreach_bus in src/core/dbus.c).
 */
public final class SdBus implements SystemdBus {
    /**
     * Where systemd itself listens, for root only, and where systemctl asks when root calls it: it needs no dbus-daemon, which
     * may not run or be about to be restarted.
     */
    private static final Path SOCKET = Path.of("/run/systemd/private");

    private static final byte[] DESTINATION = cString("org.freedesktop.systemd1");
    private static final byte[] OBJECT = cString("/org/freedesktop/systemd1");
    private static final byte[] INTERFACE = cString("org.freedesktop.systemd1.Manager");
    /** How long an interrupt may go unnoticed: the library knows nothing of Java's. */
    private static final Duration SLICE = Duration.ofMillis(100);

    private static final class Holder {
        private static final LibSystemd LIB = new LibSystemd();
    }

    private final Path socket;
    private final Supplier<LibSystemd> library;

    /** Loads nothing yet. */
    public SdBus() {
        this(SOCKET, () -> Holder.LIB);
    }

    SdBus(Path socket, Supplier<LibSystemd> library) {
        this.socket = socket;
        this.library = library;
    }

    @Override
    public void call(List<Call> calls, Duration timeout) throws IOException {
        long end = System.nanoTime() + timeout.toNanos();
        try (Connection connection = new Connection(library.get(), socket)) {
            for (Call call : calls) {
                connection.send(call);
            }
            while (!connection.unanswered.isEmpty()) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    throw new IOException("systemd has not answered within " + timeout.toMillis() + " ms: "
                            + connection.unanswered.values());
                }
                if (Thread.currentThread().isInterrupted()) {
                    throw new InterruptedIOException("systemd: interrupted: " + connection.unanswered.values());
                }
                connection.proceed(Math.min(left, SLICE.toNanos()));
            }
            if (!connection.refusals.isEmpty()) {
                throw new IOException("systemd refuses " + String.join("; ", connection.refusals));
            }
        } catch (LinkageError e) { // the library, or one of its functions
            throw new SystemdUnreachableException("libsystemd.so.0 cannot be used: " + e.getMessage(), e);
        }
    }

    private static final class Connection implements AutoCloseable {
        private final LibSystemd lib;
        private final Path socket;
        private final long bus;
        private final Map<Long, Call> unanswered = new TreeMap<>();
        private final List<String> refusals = new ArrayList<>();

        private Connection(LibSystemd lib, Path socket) throws IOException {
            this.lib = lib;
            this.socket = socket;
            long[] handle = new long[1];
            check("sd_bus_new", lib.sd_bus_new(handle));
            bus = handle[0];
            try {
                check("sd_bus_set_address", lib.sd_bus_set_address(bus, cString("unix:path=" + socket)));
                check("sd_bus_start", lib.sd_bus_start(bus));
            } catch (IOException e) {
                close();
                throw e;
            }
        }

        /** Waits for nothing: what cannot be written yet is kept. */
        private void send(Call call) throws IOException {
            long[] message = new long[1];
            check("sd_bus_message_new_method_call", lib.sd_bus_message_new_method_call(
                    bus, message, DESTINATION, OBJECT, INTERFACE, cString(call.method())));
            try {
                for (String argument : call.arguments()) {
                    check("sd_bus_message_append_basic",
                            lib.sd_bus_message_append_basic(message[0], (byte) 's', cString(argument)));
                }
                long[] cookie = new long[1];
                check("sd_bus_send", lib.sd_bus_send(bus, message[0], cookie));
                unanswered.put(cookie[0], call);
            } finally {
                lib.sd_bus_message_unref(message[0]);
            }
        }

        /** One step: of connecting, writing or reading; with nothing to do it waits. */
        private void proceed(long nanos) throws IOException {
            long[] message = new long[1];
            int progress = check("sd_bus_process", lib.sd_bus_process(bus, message));
            if (message[0] != 0) {
                try {
                    read(message[0]);
                } finally {
                    lib.sd_bus_message_unref(message[0]);
                }
            } else if (progress == 0) {
                int waited = lib.sd_bus_wait(bus, nanos / 1000);
                if (waited != -Errno.EINTR) { // one of the runtime's own signals
                    check("sd_bus_wait", waited);
                }
            }
        }

        /** An answer, or one of systemd's signals. */
        private void read(long message) {
            long[] cookie = new long[1];
            if (lib.sd_bus_message_get_reply_cookie(message, cookie) < 0) {
                return;
            }
            Call call = unanswered.remove(cookie[0]);
            Pointer error = lib.sd_bus_message_get_error(message);
            if (call != null && error != null) {
                refusals.add(call + ": " + text(error));
            }
        }

        private static String text(Pointer error) {
            Pointer message = error.getPointer(LibSystemd.ERROR_MESSAGE);
            return (message == null ? error.getPointer(LibSystemd.ERROR_NAME) : message).getString(0, "UTF-8");
        }

        private int check(String function, int result) throws SystemdUnreachableException {
            if (result < 0) {
                throw new SystemdUnreachableException(function + " " + socket + ": " + Errno.name(-result));
            }
            return result;
        }

        @Override
        public void close() {
            lib.sd_bus_close_unref(bus);
        }
    }
}
