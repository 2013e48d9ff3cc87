// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;

/** Ethernet frames of ARP (RFC 826, 5227) and of neighbour discovery (RFC 4861, 4862). */
final class NeighbourFrames {
    static final int MAC = 6;
    static final byte[] ALL_NODES = {0x33, 0x33, 0, 0, 0, 1};

    private static final int ETHERNET = 14;
    private static final int ETH_P_ARP = 0x0806;
    private static final int ETH_P_IPV6 = 0x86dd;
    private static final int ARP_LENGTH = 28;
    private static final int ARP_SENDER_IP = ETHERNET + 14;
    private static final int IPV6_HEADER = 40;
    private static final int IPV6_NEXT_HEADER = ETHERNET + 6;
    private static final int ICMP = ETHERNET + IPV6_HEADER;
    private static final int NS_LENGTH = 24;
    private static final int NA_LENGTH = 32;
    private static final int ICMPV6 = 58;
    private static final byte HOP_LIMIT = (byte) 255;
    private static final byte NEIGHBOUR_SOLICITATION = (byte) 135;
    private static final byte NEIGHBOUR_ADVERTISEMENT = (byte) 136;
    private static final int OVERRIDE = 1 << 29;
    private static final byte TARGET_LINK_ADDRESS = 2;
    private static final int TARGET_AT = 8;

    private NeighbourFrames() {
    }

    /** Somebody who uses an address. */
    record Claim(InetAddress address, byte[] mac) {
    }

    /** ARP request without a sender's address, so that no cache learns anything from it. */
    static byte[] arpProbe(byte[] ownMac, Inet4Address address) {
        return arpRequest(ownMac, new byte[4], address.getAddress());
    }

    /** ARP announcement (RFC 5227, 3): a request for the sender's own address, from which caches learn. */
    static byte[] arpAnnouncement(byte[] ownMac, Inet4Address address) {
        return arpRequest(ownMac, address.getAddress(), address.getAddress());
    }

    /** Neighbour solicitation from the unspecified address, as duplicate address detection sends it. */
    static byte[] neighbourProbe(byte[] ownMac, Inet6Address address) {
        byte[] target = address.getAddress();
        byte[] group = new byte[] {(byte) 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, (byte) 0xff,
            target[13], target[14], target[15]};
        ByteBuffer icmp = ByteBuffer.allocate(NS_LENGTH);
        icmp.put(NEIGHBOUR_SOLICITATION).put((byte) 0).putShort((short) 0).putInt(0).put(target);
        return icmp6(ownMac, new byte[16], group, icmp.array());
    }

    /** Unsolicited neighbour advertisement to all nodes (RFC 4861, 7.2.6), which overrides what caches have. */
    static byte[] neighbourAdvertisement(byte[] ownMac, Inet6Address address) {
        byte[] allNodes = {(byte) 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        ByteBuffer icmp = ByteBuffer.allocate(NA_LENGTH);
        icmp.put(NEIGHBOUR_ADVERTISEMENT).put((byte) 0).putShort((short) 0).putInt(OVERRIDE).put(address.getAddress());
        icmp.put(TARGET_LINK_ADDRESS).put((byte) 1).put(ownMac);
        return icmp6(ownMac, address.getAddress(), allNodes, icmp.array());
    }

    private static byte[] arpRequest(byte[] ownMac, byte[] sender, byte[] target) {
        ByteBuffer b = ByteBuffer.allocate(ETHERNET + ARP_LENGTH);
        byte[] broadcast = new byte[MAC];
        Arrays.fill(broadcast, (byte) 0xff);
        b.put(broadcast).put(ownMac).putShort((short) ETH_P_ARP);
        b.putShort((short) 1).putShort((short) 0x0800).put((byte) MAC).put((byte) 4).putShort((short) 1);
        b.put(ownMac).put(sender).put(new byte[MAC]).put(target);
        return b.array();
    }

    /** To a multicast address; the packet's checksum is still 0. */
    private static byte[] icmp6(byte[] ownMac, byte[] source, byte[] group, byte[] packet) {
        ByteBuffer.wrap(packet).putShort(2, Checksum.of(address(source), address(group), ICMPV6, packet));
        ByteBuffer b = ByteBuffer.allocate(ICMP + packet.length);
        b.put((byte) 0x33).put((byte) 0x33).put(group, 12, 4).put(ownMac).putShort((short) ETH_P_IPV6);
        b.putInt(6 << 28).putShort((short) packet.length).put((byte) ICMPV6).put(HOP_LIMIT).put(source).put(group);
        return b.put(packet).array();
    }

    /** Who uses which address, according to a frame: a sender of ARP, or a neighbour advertisement's target. */
    static Optional<Claim> claim(byte[] frame) {
        if (frame.length < ETHERNET + ARP_LENGTH) {
            return Optional.empty();
        }
        int type = ByteBuffer.wrap(frame).getShort(2 * MAC) & 0xffff;
        byte[] mac = Arrays.copyOfRange(frame, MAC, 2 * MAC);
        if (type == ETH_P_ARP) {
            return Optional.of(new Claim(address(Arrays.copyOfRange(frame, ARP_SENDER_IP, ARP_SENDER_IP + 4)), mac));
        }
        if (type == ETH_P_IPV6 && frame.length >= ICMP + NS_LENGTH && frame[IPV6_NEXT_HEADER] == ICMPV6
                && frame[IPV6_NEXT_HEADER + 1] == HOP_LIMIT && frame[ICMP] == NEIGHBOUR_ADVERTISEMENT) {
            int at = ICMP + TARGET_AT;
            return Optional.of(new Claim(address(Arrays.copyOfRange(frame, at, at + 16)), mac));
        }
        return Optional.empty();
    }

    private static InetAddress address(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }
}
