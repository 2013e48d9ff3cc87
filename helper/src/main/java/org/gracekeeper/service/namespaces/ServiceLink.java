// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.GatewayRoutes;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;

/** The service's device: made closed, opened and closed by its up flag. Thread-safe. */
public final class ServiceLink {
    private static final Path SYSCTLS = Path.of("/proc/sys/net");
    /** EBUSY, as iproute2 says it. */
    private static final String BUSY = "Device or resource busy";

    private final Node node;
    private final IpLink ip;
    private final LocalAddresses localAddresses;
    private final GatewayRoutes gatewayRoutes;

    public ServiceLink(Node node, IpLink ip) {
        this.node = node;
        this.ip = ip;
        this.localAddresses = new LocalAddresses(node.kernel());
        this.gatewayRoutes = new GatewayRoutes(node.kernel());
    }

    public void create(Operation operation) throws IOException, OcfException, InterruptedException {
        StandbyPlan plan = StandbyPlan.needed(operation.service());
        try {
            add(operation.instance(), plan);
        } catch (CommandException e) {
            if (!e.result().hasFailed()) {
                throw e; // it took too long: on a node that is slow the next one may be made
            }
            throw new OcfException(OcfCode.ARGS, "parameter nic: device " + plan.parent() + " cannot carry "
                    + plan.linkType().kind() + " (" + e.getMessage() + "): " + remedy(e.result(), plan.linkType()), e);
        }
        prepare(operation.instance());
    }

    /** Devices in other namespaces are not in the list of the node's, so what the kernel refuses for them comes to light here only. */
    private static String remedy(CommandResult result, LinkType type) {
        return result.err().contains(BUSY) ? "perhaps it carries devices of another kind already, of containers for example: use"
                + " link_type=" + type.other().kind() + ", or name another device" : "name an Ethernet, bond or VLAN device";
    }

    /** The device alone, and the loopback. */
    public void make(Instance instance, StandbyPlan plan) throws IOException, InterruptedException {
        add(instance, plan);
        prepare(instance);
    }

    private void add(Instance instance, StandbyPlan plan) throws IOException {
        ip.batch(null, List.of("link add name " + Instance.DEVICE + " link " + plan.parent() + " netns " + instance.netns()
                + " type " + plan.linkType().kind() + " mode " + plan.linkType().mode()));
    }

    private void prepare(Instance instance) throws IOException, InterruptedException {
        node.in(instance.network(), () -> {
            prepareDevice();
            node.kernel().setUp("lo", true);
            return null;
        });
    }

    /** Gives it its addresses, and the service its rules; for one that is down. */
    public void address(Operation operation) throws IOException, InterruptedException {
        ServiceConfig config = operation.service().config();
        String netns = operation.instance().netns();
        node.in(operation.instance().network(), () -> {
            for (InetPrefix address : config.addresses()) {
                // Whether somebody else has the address is asked by AddressGuard; the kernel's own detection would delay.
                node.kernel().addAddress(Instance.DEVICE, address.address(), address.length());
            }
            return null;
        });
        List<String> routes = operation.service().routes();
        List<String> rules = ServiceRoutes.rules(routes, true);
        if (!rules.isEmpty()) {
            ip.batch(netns, rules);
        }
        List<String> rules6 = ServiceRoutes.rules(routes, false);
        if (!rules6.isEmpty()) {
            ip.batch6(netns, rules6);
        }
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

    public void open(Operation operation) throws IOException, InterruptedException {
        List<String> routes = ServiceRoutes.routes(operation.service().routes());
        if (routes.isEmpty()) {
            node.in(operation.instance().network(), () -> {
                node.kernel().setUp(Instance.DEVICE, true);
                return null;
            });
            return;
        }
        // In one go: the announcement brings clients' packets, and there is no route before the device is up.
        List<String> lines = new ArrayList<>(List.of("link set " + Instance.DEVICE + " up"));
        lines.addAll(routes);
        try {
            ip.batchAll(operation.instance().netns(), lines);
        } catch (CommandException e) {
            if (operation.service().config().routes().isPresent()
                    || !node.in(operation.instance().network(), () -> node.kernel().isUp(Instance.DEVICE))) {
                throw e;
            }
            // Its own network is what most clients are in.
            operation.warn("not all routes of " + operation.service().parent() + " could be taken over: " + e.getMessage());
        }
    }

    /**
     * The routes go when somebody sets the device down, and do not come back when it is up again; the addresses do. (The
     * parent's going down and coming back changes neither.)
     */
    public void tend(Operation operation) throws IOException, InterruptedException {
        List<String> routes = operation.service().routes();
        boolean missing = node.in(operation.instance().network(), () -> missing(routes, true) || missing(routes, false));
        if (missing) {
            operation.warn("its routes are gone, as when somebody sets its network device down: making them again");
            open(operation);
        }
    }

    private boolean missing(List<String> commands, boolean v4) throws IOException {
        return ServiceRoutes.hasGateway(commands, v4) && !gatewayRoutes.present(Instance.DEVICE, v4);
    }

    /** Shuts traffic out in both directions, and makes sure of it. */
    public void close(Operation operation) throws IOException, InterruptedException {
        String netns = operation.instance().netns();
        node.in(operation.instance().network(), () -> {
            if (isPresent()) {
                node.kernel().setUp(Instance.DEVICE, false);
                if (node.kernel().isUp(Instance.DEVICE)) {
                    throw new IOException("device " + Instance.DEVICE + " of " + netns + " is still up");
                }
            }
            return null;
        });
    }

    /** Whether nobody can reach the service, also because its device went with the parent. */
    public boolean shut(Instance instance) throws IOException, InterruptedException {
        return node.in(instance.network(), () -> !isPresent() || !node.kernel().isUp(Instance.DEVICE));
    }

    public void remove(Instance instance) throws IOException, InterruptedException {
        if (Files.exists(instance.netnsFile())) {
            node.in(instance.network(), () -> {
                if (isPresent()) {
                    node.kernel().removeDevice(Instance.DEVICE);
                }
                return null;
            });
        }
    }

    /** The device's number in the service's network namespace. */
    public int index(Instance instance) throws IOException, InterruptedException {
        return node.in(instance.network(), () -> node.kernel().interfaceIndex(Instance.DEVICE));
    }

    /**
     * Whether it is as {@link #make} made it; else what is wrong with it.
     *
     * @param index the device's, then
     */
    public Optional<String> standbyProblem(Instance instance, int index) throws IOException, InterruptedException {
        return node.in(instance.network(), () -> {
            if (!isPresent() || node.kernel().interfaceIndex(Instance.DEVICE) != index) {
                return Optional.of("its network device is gone");
            }
            boolean addressed = node.kernel().hasIpv4Address(Instance.DEVICE)
                    || localAddresses.read().stream().anyMatch(address -> !address.isLoopbackAddress());
            return node.kernel().isUp(Instance.DEVICE) ? Optional.of("somebody has set its network device up")
                    : addressed ? Optional.of("somebody has given it an address") : Optional.<String>empty();
        });
    }

    /** Without a process: the monitor looks at every service every few seconds. */
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
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

    /** Inside the service's network namespace. */
    private boolean isPresent() throws KernelException {
        try {
            node.kernel().isUp(Instance.DEVICE);
            return true;
        } catch (KernelException e) {
            if (e.errno() == Errno.ENODEV) {
                return false;
            }
            throw e;
        }
    }
}
