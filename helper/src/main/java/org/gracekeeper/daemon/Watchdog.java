// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.gracekeeper.sys.Kernel;

/** Tells systemd that the helper is alive, which is proved by an answer through its own control socket. */
final class Watchdog {
    private static final System.Logger LOG = System.getLogger(Watchdog.class.getName());

    private Watchdog() {}

    static void start(Kernel kernel, ControlSocket socket, Duration interval) {
        if (interval.isZero()) {
            return;
        }
        Thread thread = new Thread(() -> run(kernel, socket.path(), interval), "watchdog");
        thread.setDaemon(true);
        thread.start();
    }

    private static void run(Kernel kernel, Path socket, Duration interval) {
        while (true) {
            try {
                ControlSocket.ping(socket);
                kernel.sdNotify("WATCHDOG=1");
            } catch (IOException e) {
                LOG.log(System.Logger.Level.WARNING, "no answer on the own socket: " + e.getMessage());
            }
            try {
                Thread.sleep(interval.toMillis());
            } catch (InterruptedException e) {
                return;
            }
        }
    }
}
