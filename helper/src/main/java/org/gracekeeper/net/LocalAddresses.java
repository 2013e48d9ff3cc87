// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * The addresses that the calling thread's net namespace answers for, read from procfs. IPv4's come from the routing
 * trie (net/ipv4/fib_trie.c), the only file that has them, and are there whether their device is up or not
 * (net/ipv4/fib_frontend.c, fib_add_ifaddr; fib_semantics.c, fib_sync_down_dev). IPv6's go when their device is set down,
 * unless keep_addr_on_down says otherwise. Thread-safe.
 */
public final class LocalAddresses {
    private static final Path PROC_NET = Path.of("/proc/thread-self/net");
    private static final int MAX = 4 << 20;

    private final Kernel kernel;

    public LocalAddresses(Kernel kernel) {
        this.kernel = kernel;
    }

    public Set<InetAddress> read() throws IOException {
        Set<InetAddress> addresses = parseTrie(text("fib_trie"));
        addresses.addAll(parseInet6(text("if_inet6")));
        return addresses;
    }

    /** Leaves whose next line says {@code host LOCAL}. */
    static Set<InetAddress> parseTrie(String text) throws IOException {
        Set<InetAddress> addresses = new HashSet<>();
        String leaf = "";
        for (String line : text.split("\n")) {
            String word = line.strip();
            if (word.startsWith("|-- ")) {
                leaf = word.substring("|-- ".length());
            } else if (word.endsWith(" host LOCAL") && leaf.matches("[0-9.]+")) {
                addresses.add(InetAddress.getByName(leaf));
            }
        }
        return addresses;
    }

    static Set<InetAddress> parseInet6(String text) throws IOException {
        Set<InetAddress> addresses = new HashSet<>();
        for (String line : text.split("\n")) {
            String hex = line.strip().split("\\s+")[0];
            if (hex.matches("[0-9a-f]{32}")) {
                byte[] bytes = new byte[16];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
                }
                addresses.add(InetAddress.getByAddress(bytes));
            }
        }
        return addresses;
    }

    private String text(String file) throws IOException {
        try {
            return new String(kernel.read(PROC_NET.resolve(file), MAX), StandardCharsets.ISO_8859_1);
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT) {
                return ""; // a kernel without IPv6
            }
            throw e;
        }
    }
}
