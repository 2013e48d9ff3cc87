// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Structures of the socket interface as bytes: sockaddr_in, sockaddr_in6, sockaddr_ll, sockaddr_un. */
final class SocketAddresses {
    static final int AF_UNIX = 1;
    static final int AF_INET = 2;
    static final int AF_INET6 = 10;
    static final int AF_NETLINK = 16;
    static final int AF_PACKET = 17;

    private static final int SOCKADDR_IN = 16;
    private static final int SOCKADDR_IN6 = 28;
    private static final int SOCKADDR_LL = 20;
    private static final int SUN_PATH_MAX = 108;

    private SocketAddresses() {
    }

    static int family(InetAddress address) {
        return address instanceof Inet6Address ? AF_INET6 : AF_INET;
    }

    static byte[] inet(InetAddress address, int port) {
        boolean v6 = address instanceof Inet6Address;
        ByteBuffer b = natively(v6 ? SOCKADDR_IN6 : SOCKADDR_IN);
        b.putShort((short) family(address));
        b.put((byte) (port >> 8)).put((byte) port);
        if (v6) {
            b.putInt(0); // flow label
            b.put(address.getAddress());
            b.putInt(((Inet6Address) address).getScopeId());
        } else {
            b.put(address.getAddress());
        }
        return b.array();
    }

    /** linux/if_packet.h; only what bind(2) looks at. */
    static byte[] linkLayer(int ifindex, int etherType) {
        ByteBuffer b = natively(SOCKADDR_LL);
        b.putShort((short) AF_PACKET);
        b.put((byte) (etherType >> 8)).put((byte) etherType);
        b.putInt(ifindex);
        return b.array();
    }

    /** A path, or with a leading @ a name in the abstract name space; the length is part of the latter's name. */
    static byte[] unix(String path) {
        byte[] name = path.getBytes(StandardCharsets.UTF_8);
        if (name.length == 0 || name.length >= SUN_PATH_MAX) {
            throw new IllegalArgumentException("not a socket's path: " + path);
        }
        if (name[0] == '@') {
            name[0] = 0;
        }
        ByteBuffer b = natively(2 + name.length);
        b.putShort((short) AF_UNIX).put(name);
        return b.array();
    }

    static ByteBuffer natively(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
    }
}
