// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.gracekeeper.exec.ExecCommands;
import org.gracekeeper.sys.NamespaceSet;
import org.gracekeeper.sys.Root;

/**
 * A client and two nodes, each a net namespace, on one bridge at the client's. Both nodes have the same hardware
 * address
 * on {@code svc0}, so that a move needs no announcement; node 2's is down and has no addresses at first.
 */
final class TestNet implements AutoCloseable {
    static final String SERVICE_MAC = "02:00:5e:00:53:64";
    static final String V4 = "192.0.2.100";
    static final String V6 = "2001:db8::100";

    private static int count;

    final String client;
    final String node1;
    final String node2;
    final IpLink links = new IpLink(new ExecCommands());

    TestNet() throws Exception {
        String prefix = "gk-t" + ProcessHandle.current().pid() + "-" + count++;
        client = prefix + "-c";
        node1 = prefix + "-1";
        node2 = prefix + "-2";
        for (String ns : new String[] {client, node1, node2}) {
            Root.sh("ip", "netns", "add", ns);
            ip(ns, "link", "set", "lo", "up");
        }
        ip(client, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
        ip(client, "link", "set", "br0", "up");
        ip(client, "address", "add", "192.0.2.1/24", "dev", "br0");
        ip(client, "address", "add", "2001:db8::1/64", "dev", "br0", "nodad");
        for (String node : new String[] {node1, node2}) {
            String port = "p" + node.charAt(node.length() - 1);
            ip(client, "link", "add", port, "type", "veth", "peer", "name", "svc0", "netns", node);
            ip(client, "link", "set", port, "master", "br0", "up");
            ip(node, "link", "set", "svc0", "address", SERVICE_MAC);
        }
        serve(node1);
    }

    static NamespaceSet in(String netns) {
        return new NamespaceSet(Path.of("/run/netns", netns), null);
    }

    static void ip(String netns, String... arguments) throws IOException {
        String[] argv = new String[arguments.length + 3];
        argv[0] = "ip";
        argv[1] = "-n";
        argv[2] = netns;
        System.arraycopy(arguments, 0, argv, 3, arguments.length);
        Root.sh(argv);
    }

    /** Gives a node the service's addresses and waits until its link carries something. */
    void serve(String node) throws Exception {
        ip(node, "address", "add", V4 + "/24", "dev", "svc0");
        ip(node, "address", "add", V6 + "/64", "dev", "svc0", "nodad");
        ip(node, "link", "set", "svc0", "up");
        String port = "p" + node.charAt(node.length() - 1);
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (!running(node, "svc0") || !running(client, port) || !running(client, "br0")) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("no carrier: " + links.read(node));
            }
        }
    }

    /** Node 1 vanishes without a word, node 2 takes over. */
    void move() throws Exception {
        ip(node1, "link", "set", "svc0", "down");
        serve(node2);
    }

    private boolean running(String netns, String device) throws IOException {
        return links.read(netns).links().stream().anyMatch(l -> l.name().equals(device) && l.lowerUp());
    }

    @Override
    public void close() throws IOException {
        for (String ns : new String[] {client, node1, node2}) {
            Root.sh("ip", "netns", "del", ns);
        }
    }
}
