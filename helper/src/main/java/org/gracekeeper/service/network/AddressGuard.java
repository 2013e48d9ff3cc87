// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.net.AddressProbe;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Ahead;

/**
 * Asks the network whether another host has one of the service's addresses, while the other layers are built, so that
 * it delays nobody. That host may be a node that still runs the service. Thread-safe.
 */
public final class AddressGuard {
    private static final Duration PATIENCE = Duration.ofMillis(900);

    private final AddressProbe probe;
    private final Ahead<Map<InetAddress, String>> asking = new Ahead<>("address probe");

    public AddressGuard(AddressProbe probe) {
        this.probe = probe;
    }

    public void begin(Operation operation) {
        RunningService service = operation.service();
        Collection<InetAddress> addresses =
                service.config().addresses().stream().map(InetPrefix::address).toList();
        asking.begin(service.config().name(), () -> probe.probe(service.parent(), addresses, PATIENCE));
    }

    /**
     * @throws OcfException (GENERIC) when somebody answered for an address
     */
    public void require(Operation operation) throws IOException, OcfException, InterruptedException {
        String parent = operation.service().parent();
        Map<InetAddress, String> answers = asking.await(operation.instance().name(),
                "cannot ask on " + parent + " whether the addresses are free").orElse(Map.of());
        for (Map.Entry<InetAddress, String> answer : answers.entrySet()) {
            throw new OcfException(OcfCode.GENERIC, "parameter ip: " + AddressText.of(answer.getKey()) + " is already"
                    + " used on the network of " + parent + ", by " + answer.getValue()
                    + ": does another node still run the service? Else give the service another address");
        }
    }

    public void forget(Operation operation) {
        asking.forget(operation.instance().name());
    }
}
