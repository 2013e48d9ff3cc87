// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.gracekeeper.exec.ExecCommands;
import org.gracekeeper.protocol.Request;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.SdBus;

/**
 * The helper: one process per node, started by systemd. It keeps nothing that it cannot read again from /run and from
 * the kernel, so it may be killed at any moment.
 */
public final class Main {
    private static final System.Logger LOG = System.getLogger(Main.class.getName());
    private static final Path SOCKET = Path.of("/run/gracekeeper/helper.sock");

    private Main() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        // What it prints looks the same on every node, whatever language that has; and of this locale alone Java has the formats
        // without loading those of all others.
        Locale.setDefault(Locale.US);
        Journal.install();
        Kernel kernel = LinuxKernel.load();
        Services services = Services.create(kernel, new ExecCommands(), new SdBus());
        services.manager().resume();
        // Late: who connects to a socket waits for an answer.
        ControlSocket socket = ControlSocket.bind(SOCKET, new Dispatcher(services,
                pid -> kernel.read(Path.of("/proc", Long.toString(pid), "environ"), Request.MAX_BYTES)));
        kernel.sdNotify("READY=1");
        LOG.log(System.Logger.Level.INFO, "ready on {0}", SOCKET);
        Priority.raise(kernel);
        Thread rehearsal = new Thread(() -> {
            Priority.lowerThread(kernel);
            services.rehearse();
        }, "rehearsal");
        rehearsal.setDaemon(true);
        rehearsal.start();
        services.watchHealth();
        services.keepStandbys(kernel);
        HeapTrim.start(socket::isIdle);
        Watchdog.start(kernel, socket, watchdogInterval());
        socket.serve();
    }

    /** Half of what systemd allows (sd_watchdog_enabled(3)), zero when it does not watch. */
    private static Duration watchdogInterval() {
        String usec = System.getenv("WATCHDOG_USEC");
        return usec == null || !usec.matches("[0-9]{1,18}")
                ? Duration.ZERO
                : Duration.ofNanos(Long.parseLong(usec) * 1000 / 2);
    }
}
