// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;

class AddressProbeTest {
    private static final byte[] OWN = {2, 0, 0, 0, 0, 1};

    private final Kernel kernel = LinuxKernel.load();

    @Test
    void findsWhoAnswersOnARealLink() throws Exception {
        Root.required();
        InetAddress v4 = InetAddress.getByName(TestNet.V4);
        InetAddress v6 = InetAddress.getByName(TestNet.V6);
        InetAddress free4 = InetAddress.getByName("192.0.2.99");
        InetAddress free6 = InetAddress.getByName("2001:db8::99");
        Namespaces namespaces = new Namespaces(kernel);
        try (TestNet net = new TestNet()) {
            AddressProbe probe = new AddressProbe(kernel);
            assertEquals(Map.of(v4, TestNet.SERVICE_MAC, v6, TestNet.SERVICE_MAC),
                    namespaces.call(TestNet.in(net.client), null, () -> probe.probe("br0",
                            List.of(v4, v6, free4, free6), Duration.ofMillis(900))));
            long start = System.nanoTime();
            assertEquals(1, namespaces.call(TestNet.in(net.client), null,
                    () -> probe.probe("br0", List.of(v4), Duration.ofSeconds(20))).size());
            assertTrue(System.nanoTime() - start < 10_000_000_000L, "an answer ends it");

            TestNet.ip(net.node1, "link", "set", "svc0", "down");
            assertEquals(Map.of(), namespaces.call(TestNet.in(net.client), null,
                    () -> probe.probe("br0", List.of(v4, v6), Duration.ofMillis(600))));
            TestNet.ip(net.client, "link", "set", "br0", "down");
            assertThrows(KernelException.class, () -> namespaces.call(TestNet.in(net.client), null,
                    () -> probe.probe("br0", List.of(v4), Duration.ofMillis(300))));
        }
    }

    @Test
    void ownAnswersDoNotCount() throws Exception {
        Kernel fake = mock(Kernel.class);
        when(fake.hardwareAddress("eth0")).thenReturn(OWN);
        byte[] own = answer(OWN);
        byte[] other = answer(new byte[] {2, 0, 0, 0, 0, 2});
        when(fake.receive(anyInt(), anyInt(), any())).thenReturn(Optional.of(own)).thenReturn(Optional.of(other));
        InetAddress address = InetAddress.getByName("192.0.2.7");

        assertEquals(Map.of(address, "02:00:00:00:00:02"),
                new AddressProbe(fake).probe("eth0", List.of(address), Duration.ofMinutes(5)));

        verify(fake).close(anyInt());
        when(fake.receive(anyInt(), anyInt(), any())).thenReturn(Optional.of(own));
        assertEquals(Map.of(), new AddressProbe(fake).probe("eth0", List.of(address), Duration.ofMillis(200)));
        verify(fake, times(4)).sendFrame(anyInt(), eq(NeighbourFrames.arpProbe(OWN, (Inet4Address) address)));
    }

    @Test
    void anInterruptEndsIt() throws Exception {
        Kernel fake = mock(Kernel.class);
        when(fake.hardwareAddress("eth0")).thenReturn(OWN);
        when(fake.receive(anyInt(), anyInt(), any())).thenReturn(Optional.empty());
        Thread.currentThread().interrupt();

        assertThrows(InterruptedException.class, () -> new AddressProbe(fake).probe("eth0",
                List.of(InetAddress.getByName("192.0.2.7")), Duration.ofSeconds(5)));
        verify(fake).close(anyInt());
    }

    @Test
    void framesAreWhatTheRfcsSay() throws Exception {
        assertEquals("ffffffffffff" + "020000000001" + "0806" + "0001080006040001"
                        + "020000000001" + "00000000" + "000000000000" + "c0000207",
                HexFormat.of().formatHex(NeighbourFrames.arpProbe(OWN, (Inet4Address) InetAddress.getByName("192.0.2.7"))));
        byte[] ns = NeighbourFrames.neighbourProbe(OWN, (Inet6Address) InetAddress.getByName("2001:db8::a1b2:c3d4"));
        assertEquals("3333ffb2c3d4" + "020000000001" + "86dd" + "6000000000183aff" + "0".repeat(32)
                        + "ff0200000000000000000001ffb2c3d4" + "8700",
                HexFormat.of().formatHex(ns, 0, 56));
        assertArrayEquals(InetAddress.getByName("2001:db8::a1b2:c3d4").getAddress(),
                Arrays.copyOfRange(ns, 62, 78));
    }

    @Test
    void anyFrameIsBearable() throws Exception {
        long seed = Long.getLong("gracekeeper.seed", System.nanoTime());
        Random random = new Random(seed);
        byte[] good = answer(OWN);
        for (int i = 0; i < 50_000; i++) {
            byte[] frame = Arrays.copyOf(good, random.nextInt(120));
            for (int n = random.nextInt(5); n > 0 && frame.length > 0; n--) {
                frame[random.nextInt(frame.length)] = (byte) random.nextInt();
            }
            try {
                NeighbourFrames.claim(frame);
            } catch (RuntimeException e) {
                throw new AssertionError("-Dgracekeeper.seed=" + seed + ": " + HexFormat.of().formatHex(frame), e);
            }
        }
    }

    private static byte[] answer(byte[] mac) {
        return HexFormat.of().parseHex("020000000001" + HexFormat.of().formatHex(mac) + "0806" + "0001080006040002"
                + HexFormat.of().formatHex(mac) + "c0000207" + "020000000001" + "00000000");
    }
}
