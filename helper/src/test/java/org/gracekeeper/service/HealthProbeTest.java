// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthProbeTest {
    @TempDir
    private Path dir;

    private Optional<HealthProbe.Daemon> statd(String name) throws Exception {
        Commands none = (timeout, stdin, argv) -> {
            throw new AssertionError();
        };
        return new HealthProbe(new Node(LinuxKernel.load(), none), null, dir.resolve("cgroup"), dir.resolve("proc"))
                .daemon(TestService.of(name, TestService.parameters(dir)), "statd");
    }

    private void process(String state) throws Exception {
        Path unit = Files.createDirectories(dir.resolve("cgroup/gracekeeper.slice/gracekeeper-a.slice/gracekeeper-a-b.slice/"
                + "gracekeeper-statd@a-b.service"));
        Files.writeString(unit.resolve("cgroup.procs"), state.isEmpty() ? "" : "42\n43\n");
        Files.writeString(Files.createDirectories(dir.resolve("proc/42")).resolve("stat"), "42 (rpc) T (x) " + state + " 1 42");
    }

    @Test
    void itsFirstProcessAndWhetherThatIsStopped() throws Exception {
        process("S");
        assertEquals(Optional.of(new HealthProbe.Daemon(42, false)), statd("a-b"));
        process("T");
        assertEquals(Optional.of(new HealthProbe.Daemon(42, true)), statd("a-b"));
    }

    @Test
    void noneWithoutAProcessOrAUnit() throws Exception {
        process("");
        assertEquals(Optional.empty(), statd("a-b"));
        assertEquals(Optional.empty(), statd("other"));
    }
}
