// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.network.Announcements;
import org.gracekeeper.service.network.ConnectionReset;
import org.gracekeeper.service.notify.Notifications;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Undisturbed;
import org.gracekeeper.timeline.Event;

/**
 * Traffic is let in by setting the service's device up, and shut out in both directions by setting it down; the
 * loopback inside stays. Coming up announces the addresses (arp_notify, ndisc_notify), see {@link Announcements}.
 */
public final class OpenLayer implements Layer {
    private final Registry registry;
    private final ServiceLink link;
    private final AddressGuard guard;
    private final Firewall firewall;
    private final RecordsLayer records;
    private final Recovery recovery;
    private final ConnectionReset connections;
    private final Notifications notifications;
    private final Announcements announcements;
    private final Holdings holdings;
    private final CalmClose calm;

    public OpenLayer(Registry registry, ServiceLink link, AddressGuard guard, Firewall firewall,
            RecordsLayer records, Recovery recovery, ConnectionReset connections, Notifications notifications, Announcements announcements,
            Holdings holdings, CalmClose calm) {
        this.registry = registry;
        this.link = link;
        this.guard = guard;
        this.firewall = firewall;
        this.records = records;
        this.recovery = recovery;
        this.connections = connections;
        this.notifications = notifications;
        this.announcements = announcements;
        this.holdings = holdings;
        this.calm = calm;
    }

    @Override
    public String name() {
        return Event.OPEN;
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        guard.require(operation);
        firewall.require(operation);
        try {
            records.opens(operation.state());
            registry.update(operation.instance().name(), RunningService::withOpened);
            // After all that may take long: storage may have stalled just now.
            recovery.requireTime(operation.service());
        } catch (OcfException | IOException | RuntimeException e) {
            undo(operation, e);
            throw e;
        }
        link.open(operation);
        requireTimeStill(operation);
        // First, since it costs nothing here: sm-notify is loaded while connections are reset.
        notifications.letGo(operation.instance().name());
        announcements.begin(operation);
        connections.previous(operation);
    }

    /** Even between a look at the clock and the opening a process can be held up until grace is over. */
    private void requireTimeStill(Operation operation) throws IOException, OcfException, InterruptedException {
        try {
            recovery.requireTime(operation.service());
        } catch (OcfException e) {
            // Where somebody has come, the hold-up came after the opening, and the kernel has served him without us.
            if (holdings.isEmpty(operation.service())) {
                link.close(operation);
                if (holdings.isEmpty(operation.service())) {
                    staysClosed(operation);
                    throw e;
                }
                link.open(operation);
            }
        }
    }

    /** Also for a stop that has interrupted the start: without the list of before the next one would refuse all its clients. */
    private void undo(Operation operation, Exception cause) {
        try {
            Undisturbed.run(() -> staysClosed(operation));
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    private void staysClosed(Operation operation) throws IOException {
        try {
            registry.update(operation.instance().name(), RunningService::withClosed);
        } finally {
            records.staysClosed(operation.state());
        }
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        announcements.end(operation.instance().name());
        if (Files.exists(operation.instance().netnsFile())) {
            calm.close(operation);
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
        return link.check(operation);
    }

    @Override
    public void tend(Operation operation) throws InterruptedException {
        try {
            link.tend(operation);
        } catch (IOException e) {
            operation.warn("its routes: " + e.getMessage());
        }
    }
}
