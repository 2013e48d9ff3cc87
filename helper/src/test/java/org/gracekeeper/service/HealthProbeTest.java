// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthProbeTest {
    @TempDir
    private Path dir;

    private Optional<DaemonProcess> statd(String name) throws Exception {
        return new HealthProbe(new Node(LinuxKernel.load(), null), null, null, dir.resolve("cgroup"), dir.resolve("proc"))
                .daemon(new Instance(new ServiceName(name)), "statd");
    }

    private void process(String state) throws Exception {
        Path unit = Files.createDirectories(dir.resolve("cgroup/gracekeeper.slice/gracekeeper-a.slice/gracekeeper-a-b.slice/"
                + "gracekeeper-statd@a-b.service"));
        Files.writeString(unit.resolve("cgroup.procs"), state.isEmpty() ? "" : "42\n43\n");
        Files.writeString(Files.createDirectories(dir.resolve("proc/42")).resolve("stat"),
                "42 (rpc) T (x) " + state + " 1 42 42 0 -1 4194560 1 2 3 4 30 12 5 6 20 0 1 0 4711 8 9\n");
    }

    @Test
    void theFirstProcessOfItsUnit() throws Exception {
        process("S");
        assertEquals(Optional.of(new DaemonProcess(42, 'S', 4711, 42)), statd("a-b"));
        process("T");
        assertEquals('T', statd("a-b").orElseThrow().state());
    }

    @Test
    void noneWithoutAProcessOrAUnit() throws Exception {
        process("");
        assertEquals(Optional.empty(), statd("a-b"));
        assertEquals(Optional.empty(), statd("other"));
    }
}
