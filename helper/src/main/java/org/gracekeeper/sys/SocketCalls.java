// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Optional;

/**
 * Sockets that the JDK cannot make: handed to the kernel by number, raw, or AF_UNIX datagrams. They belong to the
 * calling thread's net namespace. Thread-safe; a descriptor may be used by one thread at a time.
 */
public interface SocketCalls {
    int IPPROTO_TCP = 6;
    int ETH_P_ARP = 0x0806;
    int ETH_P_IPV6 = 0x86dd;

    /**
     * A listening TCP socket for nfsd's portlist: SO_REUSEADDR, backlog 64, and for IPv6 IPV6_V6ONLY.
     *
     * @param any the address to bind, usually 0.0.0.0 or ::
     * @return the descriptor, to be closed by the caller (nfsd keeps a reference of its own)
     */
    int listenTcp(InetAddress any, int port) throws KernelException;

    /** A raw IP socket bound to a local address; packets are given without the IP header. */
    int rawSocket(InetAddress source, int protocol) throws KernelException;

    /** Sends a packet on a socket of {@link #rawSocket}. */
    void sendTo(int fd, InetAddress target, byte[] packet) throws KernelException;

    /**
     * A packet socket (packet(7), SOCK_RAW) that sees one protocol on one device, bound to that device.
     *
     * @param device    name of the device in the calling thread's net namespace
     * @param etherType ETH_P_*, in host order; 0 for a socket that only sends
     */
    int packetSocket(String device, int etherType) throws KernelException;

    /** Lets a packet socket receive frames to one multicast hardware address. */
    void joinMulticast(int fd, String device, byte[] mac) throws KernelException;

    /** Sends a whole frame on a bound packet socket. */
    void sendFrame(int fd, byte[] frame) throws KernelException;

    /** Next packet, or empty when none came in time. A longer packet is cut to {@code max} bytes. */
    Optional<byte[]> receive(int fd, int max, Duration timeout) throws KernelException;

    /** The number of a device of the calling thread's net namespace: in one namespace no two ever have the same. */
    int interfaceIndex(String device) throws KernelException;

    /** Whether a device of the calling thread's net namespace has an address of IPv4, be it up or not. */
    boolean hasIpv4Address(String device) throws KernelException;

    /** Whether a device of the calling thread's net namespace is set up (IFF_UP). */
    boolean isUp(String device) throws KernelException;

    /** Sets a device of the calling thread's net namespace up or down (IFF_UP); its other flags stay. */
    void setUp(String device, boolean up) throws KernelException;

    /**
     * Gives a device of the calling thread's net namespace an address, as {@code ip address add ... nodad} does: none that is being
     * looked for elsewhere first.
     *
     * @param prefix its network's length in bits
     */
    void addAddress(String device, InetAddress address, int prefix) throws KernelException;

    /** Removes a device of the calling thread's net namespace, as {@code ip link delete} does. */
    void removeDevice(String device) throws KernelException;

    /** Hardware address, 6 bytes, of an Ethernet-like device in the calling thread's net namespace; else EOPNOTSUPP. */
    byte[] hardwareAddress(String device) throws KernelException;

    /** close(2). */
    void close(int fd);

    /** Tells systemd, e.g. {@code READY=1}; does nothing when $NOTIFY_SOCKET is not set. */
    void sdNotify(String state) throws KernelException;
}
