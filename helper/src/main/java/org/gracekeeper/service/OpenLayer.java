// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.Tickle;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.timeline.Event;

/**
 * Traffic is let in by setting the service's device up, and shut out in both directions by setting it down; the
 * loopback inside stays. Coming up announces the addresses (arp_notify, ndisc_notify), see {@link Announcements}.
 */
final class OpenLayer implements Layer {
    private final Node node;
    private final Registry registry;
    private final ServiceLink link;
    private final AddressGuard guard;
    private final Firewall firewall;
    private final RecordsLayer records;
    private final Recovery recovery;
    private final PeerList peers;
    private final Notifications notifications;
    private final Announcements announcements;
    private final Holdings holdings;

    OpenLayer(Node node, Registry registry, ServiceLink link, AddressGuard guard, Firewall firewall,
            RecordsLayer records, Recovery recovery, PeerList peers, Notifications notifications, Announcements announcements,
            Holdings holdings) {
        this.node = node;
        this.registry = registry;
        this.link = link;
        this.guard = guard;
        this.firewall = firewall;
        this.records = records;
        this.recovery = recovery;
        this.peers = peers;
        this.notifications = notifications;
        this.announcements = announcements;
        this.holdings = holdings;
    }

    @Override
    public String name() {
        return Event.OPEN;
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        guard.require(operation);
        firewall.require(operation);
        records.opens(operation.state());
        registry.update(operation.instance().name(), RunningService::withOpened);
        try {
            // After all that may take long: storage may have stalled just now.
            recovery.requireTime(operation.service());
        } catch (OcfException | IOException e) {
            staysClosed(operation);
            throw e;
        }
        link.open(operation);
        requireTimeStill(operation);
        // First, since it costs nothing here: sm-notify is loaded while connections are reset.
        notifications.letGo(operation.instance().name());
        announcements.begin(operation);
        tickle(operation);
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

    private void staysClosed(Operation operation) throws IOException {
        registry.update(operation.instance().name(), RunningService::withClosed);
        records.staysClosed(operation.state());
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        announcements.end(operation.instance().name());
        if (Files.exists(operation.instance().netnsFile())) {
            link.close(operation);
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

    /**
     * Resets the connections clients had with the previous node: each gets an ACK it does not expect, answers it, and
     * has that answer reset. Without it a client notices at its next retransmission, seconds later.
     */
    private void tickle(Operation operation) throws IOException, InterruptedException {
        List<TcpPeer> before = peers.before(operation);
        if (before.isEmpty()) {
            return;
        }
        Tickle.Result result = node.in(operation.instance().network(), () -> new Tickle(node.kernel()).send(before));
        operation.info("reset " + result.sent() + " connections of the previous node");
        // Only a matter of seconds: these clients find out by themselves.
        result.failures().forEach(e -> operation.warn("connection of the previous node not reset: " + e.getMessage()));
    }
}
