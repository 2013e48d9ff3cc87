// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.Announcer;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;

/**
 * Repeats what the kernel announces once, when a service's device comes up: a switch that is just learning where the
 * addresses are may lose the first frame, and a client that missed it talks to the previous node until its cache expires.
 * Thread-safe.
 */
public final class Announcements {
    private static final System.Logger LOG = System.getLogger(Announcements.class.getName());
    /** From one to the next. */
    private static final List<Duration> PAUSES =
            List.of(Duration.ofMillis(200), Duration.ofMillis(800), Duration.ofSeconds(2));
    private static final long END_MILLIS = 2000;

    private final Node node;
    private final Announcer announcer;
    private final List<Duration> pauses;
    private final Map<ServiceName, Thread> running = new ConcurrentHashMap<>();

    public Announcements(Node node, Announcer announcer) {
        this(node, announcer, PAUSES);
    }

    public Announcements(Node node, Announcer announcer, List<Duration> pauses) {
        this.node = node;
        this.announcer = announcer;
        this.pauses = pauses;
    }

    public void begin(Operation operation) {
        RunningService service = operation.service();
        ServiceName name = service.config().name();
        Thread thread = new Thread(() -> repeat(service), "announcements of " + name);
        thread.setDaemon(true);
        running.put(name, thread);
        thread.start();
    }

    /** To be called before the device is set down. */
    public void end(ServiceName name) throws InterruptedException {
        Thread thread = running.remove(name);
        if (thread != null) {
            thread.interrupt();
            thread.join(END_MILLIS);
        }
    }

    private void repeat(RunningService service) {
        ServiceName name = service.config().name();
        List<InetAddress> addresses = service.config().addresses().stream().map(InetPrefix::address).toList();
        try {
            for (Duration pause : pauses) {
                Thread.sleep(pause.toMillis());
                node.in(service.network(), () -> {
                    announcer.announce(service.device(), addresses);
                    return null;
                });
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "service " + name + ": its addresses are announced no more: "
                    + e.getMessage());
        }
        running.remove(name, Thread.currentThread());
    }
}
