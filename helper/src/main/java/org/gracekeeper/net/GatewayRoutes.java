// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * Whether the calling thread's net namespace has routes through a gateway, read from procfs (net/ipv4/fib_trie.c,
 * fib_route_seq_show, which shows the main table; net/ipv6/ip6_fib.c, ipv6_route_native_seq_show). Thread-safe.
 */
public final class GatewayRoutes {
    private static final Path PROC_NET = Path.of("/proc/thread-self/net");
    private static final int MAX = 4 << 20;
    /** include/uapi/linux/route.h, RTF_GATEWAY. */
    private static final long GATEWAY = 2;
    private static final int V4_DEVICE = 0;
    private static final int V4_FLAGS = 3;
    private static final int V6_DEVICE = 9;
    private static final int V6_FLAGS = 8;

    private final Kernel kernel;

    public GatewayRoutes(Kernel kernel) {
        this.kernel = kernel;
    }

    public boolean present(String device, boolean v4) throws IOException {
        String text;
        try {
            text = new String(kernel.read(PROC_NET.resolve(v4 ? "route" : "ipv6_route"), MAX), StandardCharsets.ISO_8859_1);
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT) {
                return false; // a kernel without IPv6
            }
            throw e;
        }
        return v4 ? any(text, device, V4_DEVICE, V4_FLAGS) : any(text, device, V6_DEVICE, V6_FLAGS);
    }

    static boolean any(String text, String device, int deviceColumn, int flagsColumn) {
        return text.lines().map(line -> line.strip().split("\\s+")).anyMatch(words ->
                words.length > Math.max(deviceColumn, flagsColumn) && words[deviceColumn].equals(device)
                        && words[flagsColumn].matches("[0-9A-Fa-f]{1,8}")
                        && (Long.parseLong(words[flagsColumn], 16) & GATEWAY) != 0);
    }
}
