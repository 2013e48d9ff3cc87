// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.sys.KernelException;

/** The service's device: made closed, opened and closed by its up flag. Thread-safe. */
final class ServiceLink {
    private static final Path SYSCTLS = Path.of("/proc/sys/net");

    private final Node node;
    private final IpLink ip;
    private final LocalAddresses localAddresses;

    ServiceLink(Node node, IpLink ip) {
        this.node = node;
        this.ip = ip;
        this.localAddresses = new LocalAddresses(node.kernel());
    }

    void create(Operation operation) throws IOException, OcfException, InterruptedException {
        RunningService service = operation.service();
        ServiceConfig config = service.config();
        String netns = operation.instance().netns();
        try {
            ip.batch(null, List.of("link add name " + Instance.DEVICE + " link " + service.parent() + " netns " + netns
                    + " type " + config.linkType().kind() + " mode " + config.linkType().mode()));
        } catch (IOException e) {
            throw new OcfException(OcfCode.ARGS, "parameter nic: device " + service.parent() + " cannot carry "
                    + config.linkType().kind() + " (" + e.getMessage() + "): name an Ethernet, bond or VLAN device", e);
        }
        node.in(operation.instance().network(), () -> {
            prepareDevice();
            return null;
        });
        List<String> lines = new ArrayList<>(List.of("link set lo up"));
        for (InetPrefix address : config.addresses()) {
            // Whether somebody else has the address is asked by AddressGuard; the kernel's own detection would delay.
            lines.add("address add " + address + (address.isV4() ? "" : " nodad") + " dev " + Instance.DEVICE);
        }
        ip.batch(netns, lines);
    }

    /** Announces on coming up, which needs no process, and takes no address but its own. */
    private void prepareDevice() throws IOException {
        set("ipv4/conf/" + Instance.DEVICE + "/arp_notify", 1);
        if (Files.isDirectory(SYSCTLS.resolve("ipv6"))) {
            set("ipv6/conf/" + Instance.DEVICE + "/ndisc_notify", 1);
            set("ipv6/conf/" + Instance.DEVICE + "/accept_ra", 0);
            set("ipv6/conf/" + Instance.DEVICE + "/keep_addr_on_down", 1);
        }
    }

    private void set(String name, int value) throws IOException {
        node.kernel().writeOnce(SYSCTLS.resolve(name), (value + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    void open(Operation operation) throws IOException {
        List<String> lines = new ArrayList<>(List.of("link set " + Instance.DEVICE + " up"));
        for (IpLink.Route route : ip.routes(null)) {
            if (route.target().equals("default") && route.device().equals(operation.service().parent())
                    && !route.gateway().isEmpty() && hasFamily(operation.service(), route.gateway())) {
                lines.add("route replace default via " + route.gateway() + " dev " + Instance.DEVICE + " onlink");
            }
        }
        ip.batch(operation.instance().netns(), lines);
    }

    private static boolean hasFamily(RunningService service, String gateway) {
        boolean v4 = gateway.indexOf(':') < 0;
        return service.config().addresses().stream().anyMatch(a -> a.isV4() == v4);
    }

    /** Shuts traffic out in both directions, and makes sure of it. */
    void close(Operation operation) throws IOException {
        String netns = operation.instance().netns();
        Optional<IpLink.Link> link = device(netns);
        if (link.isEmpty()) {
            return;
        }
        ip.batch(netns, List.of("link set " + Instance.DEVICE + " down"));
        if (device(netns).filter(IpLink.Link::up).isPresent()) {
            throw new IOException("device " + Instance.DEVICE + " of " + netns + " is still up");
        }
    }

    /** Whether nobody can reach the service. */
    boolean shut(Instance instance) throws IOException, InterruptedException {
        return node.in(instance.network(), () -> !node.kernel().isUp(Instance.DEVICE));
    }

    void remove(Operation operation) throws IOException {
        String netns = operation.instance().netns();
        if (Files.exists(operation.instance().netnsFile()) && device(netns).isPresent()) {
            ip.batch(netns, List.of("link delete " + Instance.DEVICE));
        }
    }

    /** Without a process: the monitor looks at every service every few seconds. */
    Optional<String> check(Operation operation) throws IOException, InterruptedException {
        return node.in(operation.instance().network(), () -> {
            try {
                if (!node.kernel().isUp(Instance.DEVICE)) {
                    return Optional.of("its network device is down: somebody set it down, or a start did not end");
                }
            } catch (KernelException e) {
                return Optional.of("its network device is gone (" + e.getMessage() + "): was "
                        + operation.service().parent() + " removed?");
            }
            Set<InetAddress> has = localAddresses.read();
            for (InetPrefix address : operation.service().config().addresses()) {
                if (!has.contains(address.address())) {
                    return Optional.of("address " + address.host() + " is gone from its network device");
                }
            }
            return Optional.<String>empty();
        });
    }

    private Optional<IpLink.Link> device(String netns) throws IOException {
        return ip.links(netns).stream().filter(l -> l.name().equals(Instance.DEVICE)).findFirst();
    }
}
