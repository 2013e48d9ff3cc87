// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.gracekeeper.sys.SystemdBus;
import org.gracekeeper.sys.SystemdUnreachableException;
import org.gracekeeper.task.Deadline;

/**
 * Has systemd start and stop units. It is asked over D-Bus, by this process itself: a program that is started to ask takes many
 * times as long as the answer. Where that is not possible systemctl(1) asks. Returns when the jobs are queued, and waits for
 * none; what becomes of them is not known here. A unit that is refused is no matter for the others. Thread-safe.
 */
public final class Systemd {
    private static final System.Logger LOG = System.getLogger(Systemd.class.getName());
    /** As {@link Node#run} has it: a systemd that reads its units anew answers when it has. */
    private static final Duration LIMIT = Duration.ofSeconds(30);
    /** systemctl's default, too: instead of a job that the unit has, where the two contradict each other. */
    private static final String MODE = "replace";

    private final SystemdBus bus;
    private final Node node;
    private final AtomicBoolean told = new AtomicBoolean();

    public Systemd(SystemdBus bus, Node node) {
        this.bus = bus;
        this.node = node;
    }

    public void start(List<String> units, Deadline deadline) throws IOException {
        queue("StartUnit", "start", units, deadline);
    }

    /** One that does not run is started. */
    public void restart(List<String> units, Deadline deadline) throws IOException {
        queue("RestartUnit", "restart", units, deadline);
    }

    public void stop(List<String> units, Deadline deadline) throws IOException {
        queue("StopUnit", "stop", units, deadline);
    }

    /** Makes the first request as quick as later ones: asks for something that is always there, and changes nothing. */
    public void rehearse() throws IOException {
        try {
            bus.call(List.of(new SystemdBus.Call("GetUnit", List.of("-.slice"))), LIMIT);
        } catch (SystemdUnreachableException e) {
            tell(e);
        }
    }

    private void queue(String method, String verb, List<String> units, Deadline deadline) throws IOException {
        try {
            bus.call(units.stream().map(unit -> new SystemdBus.Call(method, List.of(unit, MODE))).toList(),
                    deadline.atMost(LIMIT));
        } catch (SystemdUnreachableException e) {
            tell(e);
            List<String> argv = new ArrayList<>(List.of("systemctl", "--no-block", verb));
            argv.addAll(units); // all: a job that is queued already stays as it is
            node.run(deadline, argv.toArray(String[]::new));
        }
    }

    private void tell(SystemdUnreachableException e) {
        LOG.log(told.getAndSet(true) ? System.Logger.Level.DEBUG : System.Logger.Level.WARNING,
                "systemd cannot be asked over D-Bus (" + e.getMessage() + "): systemctl asks instead, which takes longer");
    }
}
