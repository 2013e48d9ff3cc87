// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An export as exportfs gets it inside the service: no host names any more, and the fsid that every file handle of it
 * carries.
 *
 * @param path absolute, exists
 * @param fsid a UUID, unique on the node, equal on all nodes
 */
public record PlannedExport(String path, String fsid, List<Client> clients) {

    public PlannedExport {
        clients = List.copyOf(clients);
    }

    /**
     * @param host an address, a network or {@code *}
     */
    public record Client(String host, List<String> options) {
        public Client {
            options = List.copyOf(options);
        }
    }

    public Path directory() {
        return Path.of(path);
    }

    /** Whether clients are shown what is mounted inside it without a line for that. */
    public boolean crossesMounts() {
        return clients.stream().anyMatch(client -> client.options().contains("crossmnt"));
    }

    /** Where something has to be mounted for it to be exported, by its options. */
    public List<Path> mountPoints() {
        return clients.stream().flatMap(client -> client.options().stream())
                .filter(option -> option.matches("(mp|mountpoint)(=.*)?"))
                .map(option -> option.indexOf('=') < 0 ? directory() : Path.of(option.substring(option.indexOf('=') + 1)))
                .distinct().toList();
    }

    /** How the command line of exportfs names them, each once for each client. */
    public static List<String> arguments(List<PlannedExport> exports) {
        return exports.stream().flatMap(export -> export.clients().stream().map(client -> argument(client.host(), export.path())))
                .toList();
    }

    /**
     * How it names an export to one client: an IPv6 address is in brackets, with the length of a prefix behind them
     * (utils/exportfs/exportfs.c).
     */
    public static String argument(String host, String path) {
        if (host.indexOf(':') < 0) {
            return host + ":" + path;
        }
        int slash = host.indexOf('/');
        return slash < 0 ? "[" + host + "]:" + path
                : "[" + host.substring(0, slash) + "]" + host.substring(slash) + ":" + path;
    }

    /** The line of exports(5). */
    public String line() {
        StringBuilder line = new StringBuilder(escape(path));
        for (Client client : clients) {
            line.append(' ').append(client.host()).append('(').append(String.join(",", options(client))).append(')');
        }
        return line.toString();
    }

    /** All of a client's options. */
    public List<String> options(Client client) {
        List<String> options = new ArrayList<>(client.options());
        // Both are exportfs's own defaults; said explicitly it does not warn about them at every failover.
        if (!options.contains("subtree_check") && !options.contains("no_subtree_check")) {
            options.add("no_subtree_check");
        }
        if (!options.contains("async") && !options.contains("sync")) {
            options.add("sync");
        }
        options.add("fsid=" + fsid);
        return options;
    }

    private static String escape(String path) {
        StringBuilder text = new StringBuilder();
        for (char c : path.toCharArray()) {
            if (c == ' ' || c == '"' || c == '#' || c == '\\' || c == '(' || c == ')') {
                text.append(String.format("\\%03o", (int) c));
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }
}
