// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.net.InetAddress;
import java.nio.ByteBuffer;

/** The Internet checksum (RFC 1071) with the pseudo header of IPv4 or IPv6. */
final class Checksum {
    private Checksum() {
    }

    /** Over a TCP or ICMPv6 packet whose checksum field is 0. */
    static short of(InetAddress source, InetAddress target, int protocol, byte[] packet) {
        long sum = words(source.getAddress()) + words(target.getAddress()) + protocol + packet.length + words(packet);
        while (sum >> 16 != 0) {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return (short) ~sum;
    }

    private static long words(byte[] bytes) {
        ByteBuffer b = ByteBuffer.wrap(bytes);
        long sum = 0;
        while (b.remaining() > 1) {
            sum += b.getShort() & 0xffff;
        }
        return b.hasRemaining() ? sum + ((b.get() & 0xff) << 8) : sum;
    }
}
