// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.math.BigInteger;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.stream.Stream;

/**
 * An address with the length of its network's prefix, written {@code 192.0.2.10/24} or {@code 2001:db8::10/64}.
 *
 * @param address never a name: parsing looks nothing up
 * @param length prefix length in bits
 */
public record InetPrefix(InetAddress address, int length) {

    public InetPrefix {
        int bits = address.getAddress().length * 8;
        if (length < 0 || length > bits) {
            throw new IllegalArgumentException("the prefix length must be 0 to " + bits);
        }
    }

    /**
     * @throws IllegalArgumentException with the reason, when the text is not ADDRESS/LENGTH
     */
    public static InetPrefix parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            throw new IllegalArgumentException("the prefix length is missing, write ADDRESS/LENGTH");
        }
        InetAddress address = parseLiteral(text.substring(0, slash));
        String length = text.substring(slash + 1);
        if (!length.matches("[0-9]{1,3}")) {
            throw new IllegalArgumentException("\"" + length + "\" is not a prefix length");
        }
        return new InetPrefix(address, Integer.parseInt(length));
    }

    /**
     * An address literal, without asking any resolver.
     *
     * @throws IllegalArgumentException when it is none
     */
    public static InetAddress parseLiteral(String text) {
        // InetAddress takes a number above 255 for a part of a name, and asks for that.
        boolean v4 = text.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}")
                && Stream.of(text.split("\\.")).allMatch(part -> Integer.parseInt(part) <= 255);
        boolean v6 = text.indexOf(':') >= 0 && text.matches("[0-9A-Fa-f:.]+");
        if (!v4 && !v6) {
            throw new IllegalArgumentException("\"" + text + "\" is not an IPv4 or IPv6 address");
        }
        try {
            InetAddress address = InetAddress.getByName(v6 ? "[" + text + "]" : text);
            if (v6 && address instanceof Inet4Address) {
                throw new IllegalArgumentException("\"" + text + "\" is an IPv4-mapped address, write it as IPv4");
            }
            return address;
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("\"" + text + "\" is not an IPv4 or IPv6 address", e);
        }
    }

    public boolean isV4() {
        return address instanceof Inet4Address;
    }

    /** Whether {@code other} lies in this network. */
    public boolean contains(InetAddress other) {
        byte[] mine = address.getAddress();
        byte[] theirs = other.getAddress();
        if (mine.length != theirs.length) {
            return false;
        }
        for (int bit = 0; bit < length; bit++) {
            int mask = 0x80 >> (bit % 8);
            if ((mine[bit / 8] & mask) != (theirs[bit / 8] & mask)) {
                return false;
            }
        }
        return true;
    }

    /** Whether no bit is set behind the prefix. */
    public boolean isNetwork() {
        return new BigInteger(1, address.getAddress()).getLowestSetBit() >= address.getAddress().length * 8 - length
                || address.isAnyLocalAddress();
    }

    /** Whether both are of one network: equal up to the prefix, which is as long. */
    public boolean sameNetwork(InetPrefix other) {
        return length == other.length && contains(other.address);
    }

    /** The address as the kernel's files and iproute2 write it. */
    public String host() {
        return AddressText.of(address);
    }

    @Override
    public String toString() {
        return host() + "/" + length;
    }
}
