// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.net.Rule;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.RunningService;

/** Chooses the node's device below a service's own, and refuses what cannot carry one. Thread-safe. */
public final class ParentDevice {
    private final IpLink ip;

    public ParentDevice(IpLink ip) {
        this.ip = ip;
    }

    /**
     * The device, with what a service's own one takes over from it.
     *
     * @param routes commands, see {@link ServiceRoutes}
     */
    public record Parent(String name, List<String> routes) {}

    public Parent choose(ServiceConfig config) throws IOException, OcfException {
        IpLink.Network network = network();
        String name = name(config, network);
        return new Parent(name, routes(config, network, name));
    }

    /** What the node has now, to choose devices for several services by. */
    public IpLink.Network network() throws IOException {
        return ip.read(null);
    }

    /** The device alone. */
    public String name(ServiceConfig config, IpLink.Network network) throws OcfException {
        IpLink.Link link = link(config, network, Set.of());
        Optional<String> problem = problem(link, network.links(), config.linkType());
        if (problem.isPresent()) {
            throw new OcfException(OcfCode.ARGS, "parameter nic: device " + link.name() + " " + problem.get());
        }
        return link.name();
    }

    /**
     * The device that gets the addresses itself.
     *
     * @param held addresses that it has for this service already
     */
    public Parent chooseShared(ServiceConfig config, Set<InetAddress> held) throws IOException, OcfException {
        IpLink.Link link = link(config, ip.read(null), held);
        if (link.flags().contains("LOOPBACK") || !link.up()) {
            throw new OcfException(OcfCode.ARGS, "parameter nic: device " + link.name() + (link.up()
                    ? " is the loopback, which no client can reach: name the device of the clients' network"
                    : " is down: set it up (ip link set " + link.name() + " up)"));
        }
        return new Parent(link.name(), List.of());
    }

    private static IpLink.Link link(ServiceConfig config, IpLink.Network network, Set<InetAddress> held) throws OcfException {
        List<IpLink.Address> own = network.addresses();
        refuseOwnAddress(config, own, held);
        String name = config.nic().isPresent() ? config.nic().get() : byNetwork(config, own);
        return network.links().stream().filter(l -> l.name().equals(name)).findFirst()
                .orElseThrow(() -> new OcfException(OcfCode.ARGS, "parameter nic: this node has no network device \""
                        + name + "\": it has " + names(network.links())));
    }

    /** As they are now; the service's own stay where the device is down, or has another name: its routes are gone meanwhile. */
    public List<String> routes(RunningService service) throws IOException {
        IpLink.Network network = ip.read(null);
        boolean up = network.links().stream().anyMatch(link -> link.name().equals(service.parent()) && link.up());
        return up ? routes(service.config(), network, service.parent()) : service.routes();
    }

    private List<String> routes(ServiceConfig config, IpLink.Network network, String device) throws IOException {
        List<Rule> rules = new ArrayList<>(network.rules());
        // A process of its own, while clients wait.
        if (config.hasFamily(false) && config.routes().isEmpty() && ServiceRoutes.rulesMatter(device, network.routes(), false)) {
            rules.addAll(ip.rules6(null));
        }
        return ServiceRoutes.of(config, device, network.routes(), rules);
    }

    /** Why this device cannot be the parent, or empty. */
    static Optional<String> problem(IpLink.Link link, List<IpLink.Link> all, LinkType type) {
        if (link.flags().contains("LOOPBACK")) {
            return Optional.of("is the loopback, which no client can reach: name the device of the clients' network");
        }
        Optional<IpLink.Link> master = all.stream().filter(l -> l.name().equals(link.master())).findFirst();
        if (master.isPresent() && master.get().kind().equals("bridge")) {
            return Optional.of("is a port of bridge " + link.master() + ", so it cannot carry " + type.kind()
                    + ": name the bridge itself");
        }
        if (master.isPresent()) {
            return Optional.of("belongs to " + master.get().kind() + " " + link.master() + ": name that device");
        }
        LinkType other = type.other();
        for (IpLink.Link child : all) {
            if (child.kind().equals(other.kind()) && child.parent().equals(link.name())) {
                return Optional.of("already carries the " + other.kind() + " device " + child.name() + ", and the kernel"
                        + " allows one kind on a device: use link_type=" + other.kind());
            }
        }
        if (!link.flags().contains("BROADCAST") || link.flags().contains("NOARP")) {
            return Optional.of("has no Ethernet-like link, so it cannot carry " + type.kind()
                    + ": name an Ethernet, bond or VLAN device");
        }
        if (!link.up()) {
            return Optional.of("is down: set it up (ip link set " + link.name() + " up)");
        }
        return Optional.empty();
    }

    /** Of several the one with the smallest network, as a route would be chosen. */
    static String byNetwork(ServiceConfig config, List<IpLink.Address> own) throws OcfException {
        InetPrefix wanted = config.addresses().get(0);
        return own.stream().filter(address -> isInNetwork(wanted, address))
                .reduce((best, other) -> other.prefix() > best.prefix() ? other : best).map(IpLink.Address::device)
                .orElseThrow(() -> new OcfException(OcfCode.ARGS, "parameter ip: no device of this node has an address in the"
                        + " network of " + wanted + ": name the device with parameter nic"));
    }

    private static boolean isInNetwork(InetPrefix wanted, IpLink.Address address) {
        InetAddress literal = literal(address.address());
        return literal != null && address.prefix() > 0 && !literal.isLoopbackAddress()
                && new InetPrefix(literal, address.prefix()).contains(wanted.address());
    }

    private static void refuseOwnAddress(ServiceConfig config, List<IpLink.Address> own, Set<InetAddress> held)
            throws OcfException {
        for (InetPrefix wanted : config.addresses()) {
            for (IpLink.Address address : own) {
                if (wanted.address().equals(literal(address.address())) && !held.contains(wanted.address())) {
                    throw new OcfException(OcfCode.ARGS, "parameter ip: " + wanted.host() + " is already an address of"
                            + " this node, on " + address.device() + ": remove it there (no IPaddr2 is needed beside"
                            + " this agent), or give the service another");
                }
            }
        }
    }

    private static InetAddress literal(String text) {
        try {
            return InetPrefix.parseLiteral(text);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static String names(List<IpLink.Link> links) {
        return String.join(", ", links.stream().map(IpLink.Link::name).filter(n -> !n.equals("lo")).toList());
    }
}
