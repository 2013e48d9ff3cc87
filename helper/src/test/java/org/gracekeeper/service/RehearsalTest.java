// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import org.gracekeeper.exec.ExecCommands;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RehearsalTest {
    /** It checks its outcome itself. */
    @Test
    void comesToItsEndAndLeavesNothing(@TempDir Path dir) throws Exception {
        Kernel kernel = LinuxKernel.load();
        Node node = new Node(kernel, new ExecCommands());
        DurableFiles files = new DurableFiles(kernel);
        Path root = Files.createDirectories(dir.resolve("rehearsal"));
        Files.writeString(root.resolve("left by a helper that was killed"), "");

        new Rehearsal(node, files, new RecordsLayer(node, files), root).run();

        assertFalse(Files.exists(root));
    }
}
