// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.LockLine.Access;
import org.gracekeeper.model.LockLine.Kind;
import org.gracekeeper.model.Mutations;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProcLocksTest {
    private static final DeviceId DISK = new DeviceId(0xfe, 1);

    @Test
    void linux61() throws Exception {
        assertEquals(List.of(
                new LockLine(Kind.POSIX, Access.WRITE, 1234, DISK, 131074, 0, LockLine.EOF, false),
                new LockLine(Kind.POSIX, Access.WRITE, 1240, DISK, 131074, 100, 199, true),
                new LockLine(Kind.POSIX, Access.READ, 1241, DISK, 131074, 100, 149, true),
                new LockLine(Kind.FLOCK, Access.WRITE, 700, new DeviceId(0, 0x19), 1024, 0, LockLine.EOF, false),
                new LockLine(Kind.OFDLCK, Access.READ, -1, DISK, 131076, 0, Long.MAX_VALUE - 1, false),
                new LockLine(Kind.DELEG, Access.READ, 1235, DISK, 131075, 0, LockLine.EOF, false),
                new LockLine(Kind.LEASE, Access.UNLCK, 900, DISK, 131077, 0, LockLine.EOF, false),
                new LockLine(Kind.POSIX, Access.READ, 1234, new DeviceId(0x103, 0), -1, 1073741826, 1073742335, false)),
                ProcLocks.parse(Fixtures.read("linux-6.1/locks")));
    }

    @Test
    void linux612() throws Exception {
        DeviceId fs = new DeviceId(0, 0x2d);
        assertEquals(List.of(
                new LockLine(Kind.POSIX, Access.READ, 4021, fs, 131074, 0, LockLine.EOF, false),
                new LockLine(Kind.DELEG, Access.UNLCK, 4022, fs, 131075, 0, LockLine.EOF, false),
                new LockLine(Kind.POSIX, Access.WRITE, 0, fs, 131078, 10, 19, false),
                new LockLine(Kind.POSIX, Access.WRITE, 4023, fs, 131078, 0, LockLine.EOF, true),
                new LockLine(Kind.ACCESS, Access.WRITE, 12, DISK, 7, 0, LockLine.EOF, false),
                new LockLine(Kind.UNKNOWN, Access.READ, 12, DISK, 8, 0, LockLine.EOF, false)),
                ProcLocks.parse(Fixtures.read("linux-6.12/locks")));
    }

    /** What one reading has twice, or lacks, another has as it is. */
    @Test
    void readingsAreCountedOneByOne() throws Exception {
        String one = "1: POSIX  ADVISORY  READ 7 fe:01:12 0 9\n";
        // Neither what another device has, nor what this version cannot read of it, matters.
        String two = "1: POSIX  ADVISORY  READ 7 fe:02:12 0 9\n2: NEW fe:02:12\n" + one + "2: POSIX  ADVISORY  READ 7 fe:01:12 0 9\n3: FLOCK  ADVISORY  WRITE 7 fe:01:12 0 EOF\n";
        Kernel kernel = mock(Kernel.class);
        when(kernel.read(any(), anyInt())).thenReturn(one.getBytes(StandardCharsets.US_ASCII),
                two.getBytes(StandardCharsets.US_ASCII), new byte[0]);
        LockLine line = new LockLine(Kind.POSIX, Access.READ, 7, DISK, 12, 0, 9, false);
        assertEquals(List.of(Map.of(line, 1), Map.of(line, 2), Map.of()),
                new ProcLocks(kernel, Path.of("/proc/locks"))
                        .readings(Set.of(DISK), l -> l.kind() == Kind.POSIX, 3));
    }

    /** Each has the locks of all services in memory. */
    @Test
    void ofManyReadersOneReads() throws Exception {
        AtomicInteger reading = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        Kernel kernel = mock(Kernel.class);
        when(kernel.read(any(), anyInt())).thenAnswer(call -> {
            most.accumulateAndGet(reading.incrementAndGet(), Math::max);
            Thread.sleep(5);
            reading.decrementAndGet();
            return "1: POSIX  ADVISORY  READ 7 fe:01:12 0 9\n".getBytes(StandardCharsets.US_ASCII);
        });
        ProcLocks locks = new ProcLocks(kernel, Path.of("/proc/locks"));
        ExecutorService readers = Executors.newFixedThreadPool(8);
        List<Future<Integer>> found = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            found.add(readers.submit(() -> locks.readings(Set.of(DISK), line -> true, 3).size()));
            found.add(readers.submit(() -> locks.read().size() + 2));
        }
        for (Future<Integer> each : found) {
            assertEquals(3, each.get());
        }
        readers.shutdown();
        assertEquals(1, most.get());
    }

    /** A stop ends the watch of its service's recovery first, and that of many others may read just then. */
    @Test
    @Timeout(60)
    void whoWaitsForItsTurnCanBeInterrupted() throws Exception {
        CountDownLatch reading = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        Kernel kernel = mock(Kernel.class);
        when(kernel.read(any(), anyInt())).thenAnswer(call -> {
            reading.countDown();
            done.await();
            return new byte[0];
        });
        ProcLocks locks = new ProcLocks(kernel, Path.of("/proc/locks"));
        ExecutorService readers = Executors.newFixedThreadPool(1);
        Future<List<LockLine>> first = readers.submit(() -> locks.read());
        reading.await();

        AtomicBoolean status = new AtomicBoolean();
        Thread second = new Thread(() -> {
            assertThrows(InterruptedIOException.class, () -> locks.readings(Set.of(DISK), line -> true, 3));
            status.set(Thread.currentThread().isInterrupted());
        });
        second.start();
        while (second.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        second.interrupt();
        second.join();
        assertTrue(status.get(), "for who waits next");

        done.countDown();
        assertEquals(List.of(), first.get());
        assertEquals(List.of(), locks.read(), "the turn goes on");
        readers.shutdown();
    }

    /** The running kernel's own line about a lock that this test holds. */
    @Test
    void theRunningKernel(@TempDir Path dir) throws Exception {
        Kernel kernel = LinuxKernel.load();
        Path file = Files.writeString(dir.resolve("locked"), "0123456789");
        DeviceId device = DeviceId.ofDevT(kernel.deviceOf(file));
        long inode = ((Number) Files.getAttribute(file, "unix:ino")).longValue();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.lock(3, 4, false);

            List<LockLine> mine = new ProcLocks(kernel, Path.of("/proc/locks")).read().stream()
                    .filter(l -> l.inode() == inode && l.pid() == ProcessHandle.current().pid()).toList();

            assertEquals(1, mine.size());
            LockLine expected = new LockLine(Kind.POSIX, Access.WRITE, (int) ProcessHandle.current().pid(),
                    mine.get(0).dev(), inode, 3, 6, false);
            assertEquals(expected, mine.get(0));
            boolean btrfs = kernel.statfs(file).type() == 0x9123683EL;
            assertTrue(btrfs || device.equals(mine.get(0).dev()), device + " " + mine);
        }
    }

    @Test
    void anythingElseIsTyped() {
        assertThrows(UnexpectedFormatException.class, () -> ProcLocks.parse("hello"));
        assertThrows(UnexpectedFormatException.class,
                () -> ProcLocks.parse("1: POSIX  ADVISORY  WRITE 9999999999 fe:01:1 0 EOF"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux-6.1/locks", "linux-6.12/locks"})
    void damageIsTyped(String fixture) throws Exception {
        Mutations.feed(Fixtures.read(fixture), 20_000, UnexpectedFormatException.class, ProcLocks::parse);
    }
}
