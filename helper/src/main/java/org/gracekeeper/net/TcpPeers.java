// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * Established TCP connections of the calling thread's net namespace, from get_tcp4_sock() and get_tcp6_sock() of the
 * kernel. They are what {@link Tickle} wakes after a move. Thread-safe.
 */
public final class TcpPeers {
    /** Not /proc/net, which shows the namespace of the process's first thread. */
    public static final Path PROC_NET = Path.of("/proc/thread-self/net");

    private static final int MAX = 1 << 28;
    private static final String ESTABLISHED = "01";
    private static final Pattern LINE = Pattern.compile(
            " *[0-9]+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2})"
                    + " .*");

    private final Kernel kernel;
    private final Path directory;

    /** @param directory usually {@link #PROC_NET} */
    public TcpPeers(Kernel kernel, Path directory) {
        this.kernel = kernel;
        this.directory = directory;
    }

    /** Connections whose local address is one of these. */
    public List<TcpPeer> established(Collection<InetAddress> addresses) throws IOException {
        return established().stream().filter(peer -> addresses.contains(peer.local())).toList();
    }

    /** All connections. */
    public List<TcpPeer> established() throws IOException {
        List<TcpPeer> peers = new ArrayList<>(parse(text("tcp")));
        try {
            peers.addAll(parse(text("tcp6")));
        } catch (KernelException e) {
            if (e.errno() != Errno.ENOENT) { // no IPv6 on this node
                throw e;
            }
        }
        return peers;
    }

    /** Established connections in the text of tcp or tcp6; IPv4-mapped addresses become IPv4. */
    public static List<TcpPeer> parse(String text) throws UnexpectedFormatException {
        List<TcpPeer> peers = new ArrayList<>();
        for (String line : text.split("\n")) {
            if (line.isBlank() || line.contains("local_address")) {
                continue;
            }
            Matcher m = LINE.matcher(line);
            if (!m.matches() || m.group(1).length() != m.group(3).length()) {
                throw new UnexpectedFormatException("/proc/net/tcp", line);
            }
            if (m.group(5).equals(ESTABLISHED)) {
                peers.add(new TcpPeer(address(m.group(1)), Integer.parseInt(m.group(2), 16),
                        address(m.group(3)), Integer.parseInt(m.group(4), 16)));
            }
        }
        return peers;
    }

    /** One line for each, for a file. */
    public static String format(Collection<TcpPeer> peers) {
        return peers.stream().map(peer -> peer + "\n").collect(Collectors.joining());
    }

    /** The reverse of {@link #format}; lines that are damaged are left out: a tickle is a courtesy. */
    public static List<TcpPeer> parseFormatted(String text) {
        return text.lines().map(TcpPeer::parse).flatMap(Optional::stream).toList();
    }

    /** Words of 32 bits in network order, each printed as a number of the machine's order. */
    private static InetAddress address(String hex) {
        ByteBuffer bytes = ByteBuffer.allocate(hex.length() / 2).order(ByteOrder.nativeOrder());
        for (int i = 0; i < hex.length(); i += 8) {
            bytes.putInt(Integer.parseUnsignedInt(hex.substring(i, i + 8), 16));
        }
        try {
            return InetAddress.getByAddress(bytes.array()); // unmaps IPv4
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    private String text(String file) throws IOException {
        return new String(kernel.read(directory.resolve(file), MAX), StandardCharsets.ISO_8859_1);
    }
}
