// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.HexFormat;
import java.util.List;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;

class AnnouncerTest {
    private static final byte[] OWN = {2, 0, 0, 0, 0, 1};
    private static final String ELSEWHERE = "02:00:5e:00:53:01";

    private final Kernel kernel = LinuxKernel.load();

    /** What the client's neighbour cache has for an address, once it is no longer {@link #ELSEWHERE} or time is over. */
    private static String learnt(TestNet net, String address) throws Exception {
        long deadline = System.nanoTime() + 5_000_000_000L;
        String found = ELSEWHERE;
        while (found.contains(ELSEWHERE) && System.nanoTime() < deadline) {
            found = Root.sh("ip", "-n", net.client, "neigh", "show", address);
        }
        return found.replaceAll("(?s).*lladdr (\\S+).*", "$1");
    }

    @Test
    void aNeighbourLearnsWhereTheAddressesAreNow() throws Exception {
        Root.required();
        try (TestNet net = new TestNet()) {
            for (String address : List.of(TestNet.V4, TestNet.V6)) {
                TestNet.ip(net.client, "neigh", "replace", address, "lladdr", ELSEWHERE, "dev", "br0", "nud", "stale");
            }
            Announcer announcer = new Announcer(kernel);
            List<InetAddress> addresses = List.of(InetAddress.getByName(TestNet.V4), InetAddress.getByName(TestNet.V6));
            Namespaces namespaces = new Namespaces(kernel);
            namespaces.call(TestNet.in(net.node1), null, () -> {
                announcer.announce("svc0", addresses);
                return null;
            });
            assertEquals(TestNet.SERVICE_MAC, learnt(net, TestNet.V4));
            assertEquals(TestNet.SERVICE_MAC, learnt(net, TestNet.V6));

            TestNet.ip(net.node1, "link", "set", "svc0", "down");
            KernelException e = assertThrows(KernelException.class, () -> namespaces.call(TestNet.in(net.node1), null, () -> {
                announcer.announce("svc0", addresses);
                return null;
            }));
            assertEquals(Errno.ENETDOWN, e.errno());
        }
    }

    @Test
    void framesAreWhatTheRfcsSay() throws Exception {
        assertEquals("ffffffffffff" + "020000000001" + "0806" + "0001080006040001"
                        + "020000000001" + "c0000207" + "000000000000" + "c0000207",
                HexFormat.of().formatHex(NeighbourFrames.arpAnnouncement(OWN, (Inet4Address) InetAddress.getByName("192.0.2.7"))));
        byte[] advertisement = NeighbourFrames.neighbourAdvertisement(OWN,
                (Inet6Address) InetAddress.getByName("2001:db8::a1b2:c3d4"));
        assertEquals("333300000001" + "020000000001" + "86dd" + "6000000000203aff" + "20010db80000000000000000a1b2c3d4"
                        + "ff020000000000000000000000000001" + "8800",
                HexFormat.of().formatHex(advertisement, 0, 56));
        assertEquals("20000000" + "20010db80000000000000000a1b2c3d4" + "0201" + "020000000001",
                HexFormat.of().formatHex(advertisement, 58, advertisement.length));
    }
}
