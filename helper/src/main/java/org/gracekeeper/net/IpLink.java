// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.gracekeeper.exec.CommandException;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * Devices, addresses and routes through iproute2's {@code ip}. {@code netns} is the name of a net namespace below
 * /run/netns, or null for the calling thread's. Thread-safe.
 */
public final class IpLink {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

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

    /** What there is in a net namespace, of both families; rules of IPv4 only. */
    public record Network(List<Link> links, List<Address> addresses, List<Route> routes, List<Rule> rules) {
        public Network {
            links = List.copyOf(links);
            addresses = List.copyOf(addresses);
            routes = List.copyOf(routes);
            rules = List.copyOf(rules);
        }
    }

    /** All in one process. */
    public Network read(String netns) throws IOException {
        return parse(run(netns, List.of("-json", "-details", "-batch", "-"),
                // Only "table all" has routes of both families; that of one table is IPv4's.
                "address show\nroute show table all\nrule show\n").out());
    }

    /** A batch reads the rules of one family only. */
    public List<Rule> rules6(String netns) throws IOException {
        return parse(run(netns, List.of("-json", "-details", "-6", "rule", "show"), null).out()).rules();
    }

    /** Runs commands of {@code ip} in one process; stops at the first that fails. */
    public void batch(String netns, List<String> lines) throws IOException {
        batch(netns, List.of(), lines);
    }

    /** As {@link #batch(String, List)}, with rules of IPv6, which {@code ip} takes for IPv4's unless it is told. */
    public void batch6(String netns, List<String> lines) throws IOException {
        batch(netns, List.of("-6"), lines);
    }

    /** As {@link #batch(String, List)}, but goes on after one that fails, and throws in the end. */
    public void batchAll(String netns, List<String> lines) throws IOException {
        batch(netns, List.of("-force"), lines);
    }

    private void batch(String netns, List<String> options, List<String> lines) throws IOException {
        for (String line : lines) {
            if (line.indexOf('\n') >= 0 || line.indexOf('\\') >= 0) { // a backslash continues a line
                throw new IllegalArgumentException("not one line for ip: " + line);
            }
        }
        List<String> arguments = new ArrayList<>(options);
        arguments.addAll(List.of("-batch", "-"));
        run(netns, arguments, String.join("\n", lines) + "\n");
    }

    private static Link link(JsonNode node) {
        Set<String> flags = new HashSet<>();
        node.path("flags").forEach(flag -> flags.add(flag.asText()));
        String parent = node.path("link").asText(node.path("link_index").asText());
        return new Link(node.path("ifindex").asInt(), node.path("ifname").asText(), node.path("address").asText(),
                node.path("linkinfo").path("info_kind").asText(), flags, node.path("master").asText(), parent);
    }

    private static void addAddresses(JsonNode device, List<Address> addresses) {
        for (JsonNode info : device.path("addr_info")) {
            if (info.has("local")) {
                addresses.add(new Address(device.path("ifname").asText(), info.path("local").asText(),
                        info.path("prefixlen").asInt(), info.path("tentative").asBoolean(),
                        info.path("dadfailed").asBoolean()));
            }
        }
    }

    static Network parse(String text) throws IOException {
        List<Link> links = new ArrayList<>();
        List<Address> addresses = new ArrayList<>();
        List<Route> routes = new ArrayList<>();
        List<Rule> rules = new ArrayList<>();
        for (JsonNode node : elements(text)) {
            if (node.has("ifname")) {
                links.add(link(node));
                addAddresses(node, addresses);
            } else if (node.has("priority")) {
                rules.add(Rule.of(node));
            } else if (node.has("dst")) {
                routes.add(Route.of(node));
            }
        }
        return new Network(links, addresses, routes, rules);
    }

    /**
     * Of all lists, one for each command. iproute2 prints nothing at all instead of an empty one, and empty objects for what
     * it filtered out.
     */
    private static List<JsonNode> elements(String text) throws IOException {
        List<JsonNode> elements = new ArrayList<>();
        try {
            for (JsonNode list : Json.all(text)) {
                if (!list.isArray()) {
                    throw new UnexpectedFormatException("ip -json", text);
                }
                list.forEach(elements::add);
            }
        } catch (IOException e) {
            // From memory it is about the text alone, and not always Jackson's own (UTF32Reader's, by what it begins with).
            throw new UnexpectedFormatException("ip -json", text);
        }
        return elements;
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
