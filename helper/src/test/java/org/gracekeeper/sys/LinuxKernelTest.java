// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.gracekeeper.model.DeviceId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinuxKernelTest {
    private final Kernel kernel = LinuxKernel.load();

    @TempDir
    Path dir;

    @Test
    void writeOnceReplacesNothingButWrites() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "0123456789");

        kernel.writeOnce(file, "abc".getBytes(StandardCharsets.US_ASCII));

        assertEquals("abc3456789", Files.readString(file));
    }

    @Test
    void writeOnceTellsCallObjectAndErrno() {
        Path missing = dir.resolve("missing");

        KernelException e = assertThrows(KernelException.class, () -> kernel.writeOnce(missing, new byte[1]));

        assertEquals(Errno.ENOENT, e.errno());
        assertEquals("open", e.call());
        assertEquals(missing.toString(), e.object());
        assertEquals("open " + missing + ": No such file or directory", e.getMessage());
        assertFalse(Files.exists(missing), "must not create");
    }

    @Test
    void writeOnceTellsWhatTheWriteSaid() throws Exception {
        Root.required();
        Path sysctl = Path.of("/proc/sys/kernel/printk_ratelimit_burst");

        KernelException e = assertThrows(KernelException.class,
                () -> kernel.writeOnce(sysctl, "no number\n".getBytes(StandardCharsets.US_ASCII)));

        assertEquals("write", e.call());
        assertEquals(Errno.EINVAL, e.errno());
    }

    @Test
    void aFullDeviceIsAnError() {
        KernelException e = assertThrows(KernelException.class,
                () -> kernel.writeOnce(Path.of("/dev/full"), new byte[] {1}));

        assertEquals(Errno.ENOSPC, e.errno());
    }

    @Test
    void manyThreadsGetTheirOwnErrno() throws Exception {
        Path directory = dir;
        Thread[] threads = new Thread[4];
        Throwable[] failed = new Throwable[1];
        for (int i = 0; i < threads.length; i++) {
            boolean missing = i % 2 == 0;
            threads[i] = new Thread(() -> {
                try {
                    for (int n = 0; n < 2000; n++) {
                        Path file = missing ? directory.resolve("missing") : directory;
                        KernelException e = assertThrows(KernelException.class,
                                () -> kernel.writeOnce(file, new byte[1]));
                        assertEquals(missing ? Errno.ENOENT : Errno.EISDIR, e.errno());
                    }
                } catch (Throwable e) {
                    failed[0] = e;
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(null, failed[0]);
    }

    @Test
    void readsToTheEndAndNotTooMuch() throws Exception {
        byte[] data = new byte[200_000];
        Arrays.fill(data, (byte) 'x');
        Path file = Files.write(dir.resolve("f"), data);

        assertArrayEquals(data, kernel.read(file, data.length));
        KernelException e = assertThrows(KernelException.class, () -> kernel.read(file, data.length - 1));
        assertEquals(Errno.EFBIG, e.errno());
        assertTrue(new String(kernel.read(Path.of("/proc/self/status"), 1 << 16), StandardCharsets.US_ASCII)
                .startsWith("Name:"));
    }

    @Test
    void transactWritesThenReadsOnOneDescriptor() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "....answer");

        assertEquals("answer", kernel.transact(file, "ask\n".getBytes(StandardCharsets.US_ASCII), 100));
    }

    @Test
    void statfsKnowsProcAndReadOnly() throws Exception {
        assertEquals(0x9fa0, kernel.statfs(Path.of("/proc")).type());
        assertFalse(kernel.statfs(Path.of("/proc")).readOnly());
    }

    @Test
    void deviceOfAgreesWithMountinfo() throws Exception {
        String line = Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
                .filter(l -> l.split(" ")[4].equals("/proc")).findFirst().orElseThrow();

        assertEquals(line.split(" ")[2], DeviceId.ofDevT(kernel.deviceOf(Path.of("/proc"))).toString());
        assertEquals(Errno.ENOENT,
                assertThrows(KernelException.class, () -> kernel.deviceOf(dir.resolve("none"))).errno());
    }

    @Test
    void syncsFilesAndDirectories() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "x");

        kernel.fsync(file);
        kernel.fsync(dir);
        kernel.syncfs(dir);

        assertEquals(Errno.ENOENT, assertThrows(KernelException.class, () -> kernel.syncfs(dir.resolve("no"))).errno());
    }

    @Test
    void aLockIsHeldUntilItsDescriptorIsClosed() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "x");

        int fd = kernel.lock(file);
        KernelException e = assertThrows(KernelException.class, () -> kernel.lock(file));
        assertEquals(Errno.EAGAIN, e.errno());
        assertEquals("flock", e.call());
        Process shared = new ProcessBuilder("flock", "--shared", file.toString(), "true").start();
        assertFalse(shared.waitFor(300, TimeUnit.MILLISECONDS), "util-linux's flock gets it meanwhile");

        kernel.close(fd);
        assertTrue(shared.waitFor(30, TimeUnit.SECONDS));
        assertEquals(0, shared.exitValue());
        kernel.close(kernel.lock(file));
        assertEquals(Errno.ENOENT,
                assertThrows(KernelException.class, () -> kernel.lock(dir.resolve("none"))).errno());
    }

    @Test
    void aLockIsNotPassedOn() throws Exception {
        int fd = kernel.lock(Files.writeString(dir.resolve("f"), "x"));
        String flags = Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd)).stream()
                .filter(line -> line.startsWith("flags:")).findFirst().orElseThrow();

        assertEquals(Libc.O_CLOEXEC, Long.parseLong(flags.substring("flags:".length()).strip(), 8) & Libc.O_CLOEXEC);
        kernel.close(fd);
    }

    @Test
    void chownChangesTheLinkItself() throws Exception {
        Root.required();
        Path file = Files.writeString(dir.resolve("f"), "x");
        Path link = Files.createSymbolicLink(dir.resolve("l"), file);

        kernel.chown(link, 4711, 4712);

        assertEquals(0, Files.getAttribute(file, "unix:uid"));
        assertEquals(4711, Files.getAttribute(link, "unix:uid", java.nio.file.LinkOption.NOFOLLOW_LINKS));
    }

    @Test
    void killOfNobodyIsEsrch() throws Exception {
        Process process = new ProcessBuilder("true").start();
        process.waitFor();

        KernelException e = assertThrows(KernelException.class, () -> kernel.kill((int) process.pid(), 0));

        assertEquals(Errno.ESRCH, e.errno());
    }

    @Test
    void listensOnBothFamiliesAtOnePort() throws Exception {
        int v4 = kernel.listenTcp(InetAddress.getByName("0.0.0.0"), 0);
        int port = boundPort(v4);
        int v6 = kernel.listenTcp(InetAddress.getByName("::"), port); // would fail without IPV6_V6ONLY
        try {
            new Socket("127.0.0.1", port).close();
            KernelException e = assertThrows(KernelException.class,
                    () -> kernel.listenTcp(InetAddress.getByName("0.0.0.0"), port));
            assertEquals(Errno.EADDRINUSE, e.errno());
            assertEquals("bind", e.call());
        } finally {
            kernel.close(v4);
            kernel.close(v6);
        }
        Socket refused = new Socket();
        assertThrows(java.net.ConnectException.class,
                () -> refused.connect(new InetSocketAddress("127.0.0.1", port), 1000));
    }

    @Test
    void notifiesSystemdThroughPathAndAbstractName() throws Exception {
        for (String name : new String[] {dir.resolve("notify").toString(), "@gracekeeper-test-" + System.nanoTime()}) {
            Libc libc = new Libc();
            byte[] address = SocketAddresses.unix(name);
            int receiver = libc.socket(SocketAddresses.AF_UNIX, 2, 0);
            libc.bind(receiver, address, address.length);

            new LinuxKernel(libc, name).sdNotify("READY=1\nSTATUS=\u00fcber");

            byte[] got = kernel.receive(receiver, 100, Duration.ofSeconds(5)).orElseThrow();
            assertEquals("READY=1\nSTATUS=\u00fcber", new String(got, StandardCharsets.UTF_8));
            kernel.close(receiver);
        }
    }

    @Test
    void notifiesNobodyWithoutASocket() throws Exception {
        Libc libc = new Libc();
        new LinuxKernel(libc, null).sdNotify("READY=1");
        new LinuxKernel(libc, "vsock:2:1234").sdNotify("READY=1");
        KernelException e = assertThrows(KernelException.class,
                () -> new LinuxKernel(libc, dir.resolve("gone").toString()).sdNotify("READY=1"));
        assertEquals(Errno.ENOENT, e.errno());
    }

    @Test
    void stringsWithNulNeverReachTheKernel() {
        assertThrows(IllegalArgumentException.class, () -> kernel.mount("a\0b", dir, null, 0, null));
    }

    @Test
    void noDescriptorStaysOpen() throws Exception {
        Path locked = Files.writeString(dir.resolve("locked"), "x");
        int lock = kernel.lock(locked);
        long before = descriptors();
        for (int i = 0; i < 100; i++) {
            kernel.read(Path.of("/proc/self/stat"), 4096);
            assertThrows(KernelException.class, () -> kernel.writeOnce(Path.of("/dev/full"), new byte[1]));
            assertThrows(KernelException.class, () -> kernel.packetSocket("no-such-device", 0x806));
            assertThrows(KernelException.class, () -> kernel.lock(locked));
            assertThrows(KernelException.class, () -> kernel.listenTcp(InetAddress.getByName("192.0.2.1"), 1));
        }
        assertTrue(descriptors() < before + 50, "descriptors leak");
        kernel.close(lock);
    }

    @Test
    void hardwareAddressOfWhatHasNone() {
        KernelException e = assertThrows(KernelException.class, () -> kernel.hardwareAddress("lo"));
        assertEquals(Errno.EOPNOTSUPP, e.errno());
        e = assertThrows(KernelException.class, () -> kernel.hardwareAddress("no-such-device"));
        assertEquals(Errno.ENODEV, e.errno());
    }

    private static long descriptors() throws Exception {
        try (var list = Files.list(Path.of("/proc/self/fd"))) {
            return list.count();
        }
    }

    /** The port of the one listening socket with that descriptor, by its inode in /proc/net/tcp. */
    private static int boundPort(int fd) throws Exception {
        String link = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
        String inode = link.replaceAll("[^0-9]", "");
        return Files.readAllLines(Path.of("/proc/net/tcp")).stream().map(l -> l.trim().split(" +"))
                .filter(f -> f[9].equals(inode)).map(f -> Integer.parseInt(f[1].split(":")[1], 16))
                .findFirst().orElseThrow();
    }
}
