// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.SocketCalls;

/**
 * Asks a link whether somebody else uses an address already: ARP probes (RFC 5227) and duplicate address detection
 * (RFC 4862) from the device itself, without giving the address to anything. Thread-safe.
 */
public final class AddressProbe {
    private static final int PROBES = 3;
    private static final int FRAME = 2048;
    private static final Duration SLICE = Duration.ofMillis(50);

    private final Kernel kernel;

    public AddressProbe(Kernel kernel) {
        this.kernel = kernel;
    }

    /**
     * Probes several addresses at once, three times each, and listens. Returns early when all are answered for. Answers
     * with the device's own hardware address do not count. The calling thread must be in the device's net namespace.
     *
     * @param device  an Ethernet-like device that is up
     * @param patience how long to listen altogether, at least
     * @return for each address that is in use, the hardware address of who answered, as {@code 02:00:5e:00:53:01}
     * @throws KernelException      ENODEV, ENETDOWN, or EOPNOTSUPP for a device that is not Ethernet-like
     * @throws InterruptedException the thread was interrupted
     */
    public Map<InetAddress, String> probe(String device, Collection<InetAddress> addresses, Duration patience)
            throws KernelException, InterruptedException {
        Set<InetAddress> wanted = new HashSet<>();
        for (InetAddress address : addresses) {
            wanted.add(withoutScope(address));
        }
        byte[] own = kernel.hardwareAddress(device);
        Map<InetAddress, String> found = new HashMap<>();
        List<Integer> sockets = new ArrayList<>();
        try {
            if (wanted.stream().anyMatch(Inet4Address.class::isInstance)) {
                sockets.add(kernel.packetSocket(device, SocketCalls.ETH_P_ARP));
            }
            if (wanted.stream().anyMatch(Inet6Address.class::isInstance)) {
                int fd = kernel.packetSocket(device, SocketCalls.ETH_P_IPV6);
                sockets.add(fd);
                // Answers to an unspecified source go to all nodes, which a device without IPv6 does not hear.
                kernel.joinMulticast(fd, device, NeighbourFrames.ALL_NODES);
            }
            listen(sockets, own, wanted, patience, found);
            return found;
        } finally {
            sockets.forEach(kernel::close);
        }
    }

    private void listen(List<Integer> sockets, byte[] own, Set<InetAddress> wanted, Duration patience,
            Map<InetAddress, String> found) throws KernelException, InterruptedException {
        long start = System.nanoTime();
        int rounds = 0;
        long passed = 0;
        // On a node too busy to listen in time every probe is sent all the same: silence proves nothing without them.
        while ((passed < patience.toNanos() || rounds < PROBES) && found.size() < wanted.size()) {
            if (rounds < PROBES && passed >= patience.toNanos() / PROBES * rounds) {
                sendAll(sockets, own, wanted, found);
                rounds++;
            }
            for (int fd : sockets) {
                long left = Math.max(1, Math.min(SLICE.toMillis() / sockets.size(),
                        (patience.toNanos() - passed) / 1_000_000));
                kernel.receive(fd, FRAME, Duration.ofMillis(left)).flatMap(NeighbourFrames::claim)
                        .filter(claim -> wanted.contains(claim.address()) && !Arrays.equals(claim.mac(), own))
                        .ifPresent(claim -> found.putIfAbsent(claim.address(), text(claim.mac())));
            }
            if (Thread.interrupted()) {
                throw new InterruptedException("address probe");
            }
            passed = System.nanoTime() - start;
        }
    }

    /** IPv4's socket, if any, comes first. */
    private void sendAll(List<Integer> sockets, byte[] own, Set<InetAddress> wanted, Map<InetAddress, String> found)
            throws KernelException {
        for (InetAddress address : wanted) {
            if (found.containsKey(address)) {
                continue;
            }
            if (address instanceof Inet4Address v4) {
                kernel.sendFrame(sockets.get(0), NeighbourFrames.arpProbe(own, v4));
            } else {
                kernel.sendFrame(sockets.get(sockets.size() - 1), NeighbourFrames.neighbourProbe(own, (Inet6Address) address));
            }
        }
    }

    private static InetAddress withoutScope(InetAddress address) {
        try {
            return InetAddress.getByAddress(address.getAddress());
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String text(byte[] mac) {
        return HexFormat.ofDelimiter(":").formatHex(mac);
    }
}
