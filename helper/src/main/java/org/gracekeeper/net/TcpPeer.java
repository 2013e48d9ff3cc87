// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The two ends of a TCP connection, the service's first. */
public record TcpPeer(InetAddress local, int localPort, InetAddress remote, int remotePort) {
    private static final String END = "(?:([0-9.]{7,15})|\\[([0-9a-f:.]{2,45})])";
    private static final Pattern TEXT = Pattern.compile(END + ":([0-9]{1,5}) " + END + ":([0-9]{1,5})");
    private static final int MAX_PORT = 65535;

    /** {@code LOCAL:PORT REMOTE:PORT}, IPv6 addresses in brackets. */
    @Override
    public String toString() {
        return end(local, localPort) + " " + end(remote, remotePort);
    }

    /** From the form of {@link #toString}; empty for anything else. */
    public static Optional<TcpPeer> parse(String line) {
        Matcher m = TEXT.matcher(line);
        if (!m.matches() || Integer.parseInt(m.group(3)) > MAX_PORT || Integer.parseInt(m.group(6)) > MAX_PORT) {
            return Optional.empty();
        }
        try {
            return Optional.of(new TcpPeer(address(m.group(1), m.group(2)), Integer.parseInt(m.group(3)),
                    address(m.group(4), m.group(5)), Integer.parseInt(m.group(6))));
        } catch (UnknownHostException e) {
            return Optional.empty();
        }
    }

    private static String end(InetAddress address, int port) {
        String text = address.getHostAddress().replaceFirst("%.*", "");
        return (text.indexOf(':') >= 0 ? "[" + text + "]" : text) + ":" + port;
    }

    /** Only literals come here, so nothing is looked up. */
    private static InetAddress address(String v4, String v6) throws UnknownHostException {
        if (v4 == null) {
            return InetAddress.getByName("[" + v6 + "]"); // brackets: a malformed one is not taken for a name
        }
        if (!v4.matches("[0-9]{1,3}([.][0-9]{1,3}){3}")) {
            throw new UnknownHostException(v4);
        }
        String[] parts = v4.split("[.]");
        byte[] bytes = new byte[parts.length];
        for (int i = 0; i < bytes.length; i++) {
            int part = Integer.parseInt(parts[i]);
            if (part > 255) {
                throw new UnknownHostException(v4);
            }
            bytes[i] = (byte) part;
        }
        return InetAddress.getByAddress(bytes);
    }
}
