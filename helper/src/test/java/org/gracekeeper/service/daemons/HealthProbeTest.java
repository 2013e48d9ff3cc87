// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.DaemonProcess;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.ProcessCalls;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthProbeTest {
    private static final Instance INSTANCE = new Instance(new ServiceName("a-b"));

    @TempDir
    private Path dir;

    /** Reads files as they are, and sends no signals. */
    private final Kernel kernel = mock(Kernel.class);
    private HealthProbe probe;

    @BeforeEach
    void aProbe() throws Exception {
        Kernel real = LinuxKernel.load();
        when(kernel.read(any(), anyInt())).thenAnswer(call -> real.read(call.getArgument(0), call.<Integer>getArgument(1)));
        probe = new HealthProbe(new Node(kernel, null), null, dir.resolve("cgroup"), dir.resolve("proc"));
    }

    private Optional<DaemonProcess> statd(String name) throws Exception {
        return probe.daemon(new Instance(new ServiceName(name)), "statd");
    }

    private void process(String state, long started) throws Exception {
        Path unit = Files.createDirectories(dir.resolve("cgroup/gracekeeper.slice/gracekeeper-a.slice/gracekeeper-a-b.slice/"
                + "gracekeeper-statd@a-b.service"));
        Files.writeString(unit.resolve("cgroup.procs"), state.isEmpty() ? "" : "42\n43\n");
        Files.writeString(Files.createDirectories(dir.resolve("proc/42")).resolve("stat"), "42 (rpc) T (x) " + state
                + " 1 42 42 0 -1 4194560 1 2 3 4 30 12 5 6 20 0 1 0 " + started + " 8 9\n");
    }

    @Test
    void theFirstProcessOfItsUnit() throws Exception {
        process("S", 4711);
        assertEquals(Optional.of(new DaemonProcess(42, 'S', 4711, 42)), statd("a-b"));
        process("T", 4711);
        assertTrue(statd("a-b").orElseThrow().isStopped());
    }

    @Test
    void noneWithoutAProcessOrAUnit() throws Exception {
        process("", 4711);
        assertEquals(Optional.empty(), statd("a-b"));
        assertEquals(Optional.empty(), statd("other"));
    }

    @Test
    void noneWhoseProcessHasJustEnded() throws Exception {
        process("S", 4711);
        Files.delete(dir.resolve("proc/42/stat"));
        assertEquals(Optional.empty(), statd("a-b"));
    }

    @Test
    void theSameProcessIsKnownWithoutItsUnitUntilItHasEnded() throws Exception {
        process("S", 4711);
        DaemonProcess before = statd("a-b").orElseThrow();
        process("T", 4711);
        Files.delete(dir.resolve("cgroup/gracekeeper.slice/gracekeeper-a.slice/gracekeeper-a-b.slice/"
                + "gracekeeper-statd@a-b.service/cgroup.procs"));
        assertTrue(probe.still(before).orElseThrow().isStopped());
        process("Z", 4711);
        assertEquals(Optional.empty(), probe.still(before));
        process("S", 9999);
        assertEquals(Optional.empty(), probe.still(before));
        Files.delete(dir.resolve("proc/42/stat"));
        assertEquals(Optional.empty(), probe.still(before));
    }

    @Test
    void whatIsNoProcessIsAnError() throws Exception {
        process("S", 4711);
        Files.writeString(dir.resolve("proc/42/stat"), "42 (rpc.statd) S 1 42\n");
        assertThrows(IOException.class, () -> statd("a-b"));
    }

    @Test
    void onlyTheProcessThatWasMeantIsEnded() throws Exception {
        DaemonProcess hanging = new DaemonProcess(42, 'S', 4711, 40);
        process("S", 9999);
        assertFalse(probe.kill(INSTANCE, "statd", hanging));
        process("", 4711);
        assertFalse(probe.kill(INSTANCE, "statd", hanging));
        process("D", 4711);
        assertFalse(probe.kill(INSTANCE, "statd", hanging));
        verify(kernel, never()).kill(anyInt(), anyInt());
        process("S", 4711);
        assertTrue(probe.kill(INSTANCE, "statd", hanging));
        verify(kernel).kill(42, ProcessCalls.SIGKILL);
    }

    @Test
    void threadsAreThoseOfTheServiceThatTheDaemonIsOf() throws Exception {
        Path nfsd = Files.createDirectories(dir.resolve("proc/42/root/proc/fs/nfsd"));
        Files.writeString(nfsd.resolve("threads"), "12\n");
        assertEquals(12, probe.threads(new DaemonProcess(42, 'S', 4711, 40)));
        Files.createDirectories(dir.resolve("proc/42/root/proc/fs/nfsd/clients/7"));
        assertEquals(Set.of("7"), probe.clients(new DaemonProcess(42, 'S', 4711, 40)));
        assertThrows(IOException.class, () -> probe.threads(new DaemonProcess(43, 'S', 4711, 40)));
    }
}
