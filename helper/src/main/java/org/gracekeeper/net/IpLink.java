// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * Devices, addresses and routes through iproute2's {@code ip}. {@code netns} is the name of a net namespace below
 * /run/netns, or null for the calling thread's. Thread-safe.
 */
public final class IpLink {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Commands commands;

    public IpLink(Commands commands) {
        this.commands = commands;
    }

    /**
     * A network device.
     *
     * @param mac    hardware address, or empty
     * @param kind   ipvlan, macvlan, bond, vlan, ...; empty for a physical device
     * @param flags  UP, LOWER_UP, NO-CARRIER, LOOPBACK, ...
     * @param master bridge or bond it belongs to, or empty
     * @param parent device it stands on, or empty; for one in another namespace its index
     */
    public record Link(int index, String name, String mac, String kind, Set<String> flags, String master,
            String parent) {
        public Link {
            flags = Set.copyOf(flags);
        }

        /** Whether an administrator wants it up. */
        public boolean up() {
            return flags.contains("UP");
        }

        /** Whether it has a carrier. */
        public boolean lowerUp() {
            return flags.contains("LOWER_UP");
        }
    }

    /**
     * An address on a device.
     *
     * @param address   without the prefix
     * @param tentative whether duplicate address detection still runs
     * @param duplicate whether it found the address in use
     */
    public record Address(String device, String address, int prefix, boolean tentative, boolean duplicate) {
    }

    /**
     * A route of the main table.
     *
     * @param target  a network in CIDR form, an address, or {@code default}
     * @param gateway empty for a network on the link
     */
    public record Route(String target, String device, String gateway) {
    }

    public List<Link> links(String netns) throws IOException {
        return list(netns, List.of("-d", "link", "show"), IpLink::link);
    }

    public List<Address> addresses(String netns) throws IOException {
        List<Address> addresses = new ArrayList<>();
        for (JsonNode device : ask(netns, List.of("address", "show"))) {
            for (JsonNode info : device.path("addr_info")) {
                if (info.has("local")) {
                    addresses.add(new Address(device.path("ifname").asText(), info.path("local").asText(),
                            info.path("prefixlen").asInt(), info.path("tentative").asBoolean(),
                            info.path("dadfailed").asBoolean()));
                }
            }
        }
        return addresses;
    }

    /** Routes of both families. */
    public List<Route> routes(String netns) throws IOException {
        Function<JsonNode, Route> route = node -> new Route(
                node.path("dst").asText(), node.path("dev").asText(), node.path("gateway").asText());
        List<Route> routes = new ArrayList<>(list(netns, List.of("-4", "route", "show"), route));
        routes.addAll(list(netns, List.of("-6", "route", "show"), route));
        return routes;
    }

    /** Runs commands of {@code ip} in one process; stops at the first that fails. */
    public void batch(String netns, List<String> lines) throws IOException {
        for (String line : lines) {
            if (line.indexOf('\n') >= 0 || line.indexOf('\\') >= 0) { // a backslash continues a line
                throw new IllegalArgumentException("not one line for ip: " + line);
            }
        }
        run(netns, List.of("-batch", "-"), String.join("\n", lines) + "\n");
    }

    private static Link link(JsonNode node) {
        Set<String> flags = new HashSet<>();
        node.path("flags").forEach(flag -> flags.add(flag.asText()));
        String parent = node.path("link").asText(node.path("link_index").asText());
        return new Link(node.path("ifindex").asInt(), node.path("ifname").asText(), node.path("address").asText(),
                node.path("linkinfo").path("info_kind").asText(), flags, node.path("master").asText(), parent);
    }

    private <T> List<T> list(String netns, List<String> arguments, Function<JsonNode, T> each) throws IOException {
        List<T> values = new ArrayList<>();
        for (JsonNode node : ask(netns, arguments)) {
            if (!node.isEmpty()) {
                values.add(each.apply(node));
            }
        }
        return values;
    }

    private JsonNode ask(String netns, List<String> arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of("-json"));
        all.addAll(arguments);
        return parse(run(netns, all, null).out());
    }

    /** iproute2 prints nothing at all instead of an empty list, and empty objects for what it filtered out. */
    static JsonNode parse(String text) throws UnexpectedFormatException {
        try {
            JsonNode node = text.isBlank() ? JSON.createArrayNode() : JSON.readTree(text);
            if (node == null || !node.isArray()) {
                throw new UnexpectedFormatException("ip -json", text);
            }
            return node;
        } catch (JsonProcessingException e) {
            throw new UnexpectedFormatException("ip -json", text);
        }
    }

    private CommandResult run(String netns, List<String> arguments, String stdin) throws IOException {
        List<String> argv = new ArrayList<>(List.of("ip"));
        if (netns != null) {
            argv.addAll(List.of("-n", netns));
        }
        argv.addAll(arguments);
        CommandResult result = commands.run(TIMEOUT, stdin, argv);
        if (!result.ok()) {
            throw new CommandException(result);
        }
        return result;
    }
}
