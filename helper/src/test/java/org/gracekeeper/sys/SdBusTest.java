// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.function.Function;
import java.util.stream.Stream;
import org.gracekeeper.sys.SystemdBus.Call;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library is the real one, systemd is not. */
class SdBusTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final LibSystemd LIB = new LibSystemd();

    @TempDir
    private Path dir;

    private FakeSystemd systemd(Function<String, String> answers) throws IOException {
        return new FakeSystemd(dir.resolve("private"), answers);
    }

    private SdBus bus() {
        return new SdBus(dir.resolve("private"), () -> LIB);
    }

    private static List<Call> starts(String... units) {
        return Stream.of(units).map(unit -> new Call("StartUnit", List.of(unit, "replace"))).toList();
    }

    @Test
    void allCallsAreMadeInOrder() throws Exception {
        try (FakeSystemd systemd = systemd(call -> "")) {
            bus().call(starts("a@x.service", "b@\u00e4.service"), LONG);
            bus().call(List.of(new Call("GetUnit", List.of("-.slice"))), LONG);
            assertEquals(List.of("StartUnit a@x.service replace", "StartUnit b@\u00e4.service replace", "GetUnit -.slice"),
                    systemd.calls());
        }
    }

    @Test
    void whatIsRefusedIsNamedAndTheRestIsDone() throws Exception {
        try (FakeSystemd systemd = systemd(call -> call.contains("b.") ? "Unit is masked." : "")) {
            IOException e = assertThrows(IOException.class, () -> bus().call(starts("a.service", "b.service", "c.service"), LONG));
            assertEquals("systemd refuses StartUnit b.service replace: Unit is masked.", e.getMessage());
            assertFalse(e instanceof SystemdUnreachableException);
            assertEquals(3, systemd.calls().size());
        }
    }

    @Test
    void aSystemdThatDoesNotAnswerIsNotWaitedForForEver() throws Exception {
        try (FakeSystemd systemd = systemd(call -> call.contains("b.") ? FakeSystemd.SILENCE : "")) {
            IOException e = assertTimeoutPreemptively(Duration.ofSeconds(10), () -> assertThrows(IOException.class,
                    () -> bus().call(starts("a.service", "b.service"), Duration.ofMillis(300))));
            assertEquals("systemd has not answered within 300 ms: [StartUnit b.service replace]", e.getMessage());
            assertFalse(e instanceof SystemdUnreachableException);
            assertEquals(2, systemd.calls().size());
        }
    }

    @Test
    void anInterruptIsHeededWhileSystemdDoesNotAnswer() throws Exception {
        try (FakeSystemd systemd = systemd(call -> FakeSystemd.SILENCE)) {
            List<Boolean> interrupted = new ArrayList<>();
            FutureTask<IOException> call = new FutureTask<>(() -> {
                IOException e = assertThrows(IOException.class, () -> bus().call(starts("a.service"), LONG));
                interrupted.add(Thread.currentThread().isInterrupted());
                return e;
            });
            Thread thread = new Thread(call);
            thread.start();
            while (systemd.calls().isEmpty()) {
                Thread.sleep(5);
            }
            thread.interrupt();
            assertEquals(InterruptedIOException.class,
                    assertTimeoutPreemptively(Duration.ofSeconds(10), () -> call.get()).getClass());
            assertEquals(List.of(true), interrupted);
        }
    }

    @Test
    void whereNobodyListensItIsUnreachable() throws Exception {
        assertEquals("sd_bus_start " + dir.resolve("private") + ": ENOENT", unreachable());
        systemd(call -> "").close();
        assertEquals("sd_bus_start " + dir.resolve("private") + ": ECONNREFUSED", unreachable());
    }

    @Test
    void aConnectionThatBreaksOffOrIsRejectedIsNoWay() throws Exception {
        try (FakeSystemd systemd = systemd(call -> FakeSystemd.HANG_UP)) {
            assertEquals("sd_bus_process " + dir.resolve("private") + ": ECONNRESET", unreachable());
            systemd.rejectEverybody();
            assertEquals("sd_bus_process " + dir.resolve("private") + ": EPERM", unreachable());
        }
    }

    private String unreachable() {
        return assertThrows(SystemdUnreachableException.class, () -> bus().call(starts("a.service"), LONG)).getMessage();
    }

    @Test
    void withoutTheLibraryItIsUnreachable() {
        SdBus bus = new SdBus(dir.resolve("private"), () -> {
            NativeLibrary.getInstance("libnosuch.so.0");
            return LIB;
        });
        String said = assertThrows(SystemdUnreachableException.class, () -> bus.call(starts("a.service"), LONG)).getMessage();
        assertTrue(said.startsWith("libsystemd.so.0 cannot be used: "), said);
    }

    @Test
    void threadsDoNotDisturbEachOtherAndNothingStaysOpen() throws Exception {
        unreachable(); // what is loaded once
        long before = open();
        try (FakeSystemd systemd = systemd(call -> call.contains("odd") ? "Odd." : "")) {
            List<FutureTask<Void>> tasks = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                String unit = i + ".service";
                tasks.add(new FutureTask<>(() -> {
                    for (int j = 0; j < 20; j++) {
                        bus().call(starts(unit, unit), LONG);
                        assertThrows(IOException.class, () -> bus().call(starts("odd"), LONG));
                    }
                    return null;
                }));
            }
            tasks.forEach(task -> new Thread(task).start());
            for (FutureTask<Void> task : tasks) {
                task.get();
            }
            assertEquals(8 * 20 * 3, systemd.calls().size());
        }
        for (int i = 0; i < 100; i++) {
            unreachable();
        }
        for (int patience = 0; open() > before && patience < 500; patience++) {
            Thread.sleep(10); // the other side closes when it has noticed
        }
        assertTrue(open() <= before, open() + " files are open, and were " + before);
    }

    private static long open() throws IOException {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return fds.count();
        }
    }
}
