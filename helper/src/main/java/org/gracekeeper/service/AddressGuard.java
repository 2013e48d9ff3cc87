// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

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

/**
 * Asks the network whether another host has one of the service's addresses, while the other layers are built, so that
 * it delays nobody. That host may be a node that still runs the service. Thread-safe.
 */
final class AddressGuard {
    private static final Duration PATIENCE = Duration.ofMillis(900);

    private final AddressProbe probe;
    private final Ahead<Map<InetAddress, String>> asking = new Ahead<>("address probe");

    AddressGuard(AddressProbe probe) {
        this.probe = probe;
    }

    void begin(Operation operation) {
        RunningService service = operation.service();
        Collection<InetAddress> addresses =
                service.config().addresses().stream().map(InetPrefix::address).toList();
        asking.begin(service.config().name(), () -> probe.probe(service.parent(), addresses, PATIENCE));
    }

    /**
     * @throws OcfException (GENERIC) when somebody answered for an address
     */
    void require(Operation operation) throws IOException, OcfException, InterruptedException {
        String parent = operation.service().parent();
        Map<InetAddress, String> answers = asking.await(operation.instance().name(),
                "cannot ask on " + parent + " whether the addresses are free").orElse(Map.of());
        for (Map.Entry<InetAddress, String> answer : answers.entrySet()) {
            throw new OcfException(OcfCode.GENERIC, "parameter ip: " + AddressText.of(answer.getKey()) + " is already"
                    + " used on the network of " + parent + ", by " + answer.getValue()
                    + ": does another node still run the service? Else give the service another address");
        }
    }

    void forget(Operation operation) {
        asking.forget(operation.instance().name());
    }
}
