// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.Collection;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * Tells a network which hardware address has an address now: by ARP announcements (RFC 5227, 3) and unsolicited neighbour
 * advertisements (RFC 4861, 7.2.6). Neighbours that know the address change what they know; others learn nothing.
 * Thread-safe.
 */
public final class Announcer {
    /** Each frame goes out with the type it says; and none comes in. */
    private static final int ANY_TYPE = 0;

    private final Kernel kernel;

    public Announcer(Kernel kernel) {
        this.kernel = kernel;
    }

    /**
     * Announces each address once. The calling thread must be in the device's net namespace.
     *
     * @param device an Ethernet-like device that has the addresses
     * @throws KernelException ENETDOWN when the device is down: nothing is announced then
     */
    public void announce(String device, Collection<InetAddress> addresses) throws KernelException {
        byte[] mac = kernel.hardwareAddress(device);
        int fd = kernel.packetSocket(device, ANY_TYPE);
        try {
            for (InetAddress address : addresses) {
                kernel.sendFrame(fd, address instanceof Inet4Address v4 ? NeighbourFrames.arpAnnouncement(mac, v4)
                        : NeighbourFrames.neighbourAdvertisement(mac, (Inet6Address) address));
            }
        } finally {
            kernel.close(fd);
        }
    }
}
