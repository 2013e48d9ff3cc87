// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.argThat;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.ArgumentMatchers.isNull;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.exec.ExecCommands;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.recovery.RecordsLayer;
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

        new Rehearsal(node, null, files, new RecordsLayer(node, files), root).run();

        assertFalse(Files.exists(root));
    }

    @Test
    void programsAreOnlyAskedForTheirUsageOrToCheck() throws Exception {
        Node node = mock(Node.class);
        Commands commands = mock(Commands.class);
        when(node.commands()).thenReturn(commands);
        when(node.hasTool(any())).thenAnswer(call -> !call.getArgument(0).equals("rpc.statd"));

        Systemd systemd = mock(Systemd.class);
        new Rehearsal(node, systemd, null, null, null).loadPrograms();

        verify(systemd).rehearse();
        verify(commands).run(any(), isNull(), eq(List.of("nfsdcld", "--help")));
        // Not by their own names, by which other agents look for them.
        verify(commands).run(any(), isNull(), eq(List.of("/usr/libexec/gracekeeper/gk-mountd", "--help")));
        verify(commands, never()).run(any(), any(), argThat(argv -> argv.get(0).endsWith("statd")));
        verify(commands, never()).run(any(), any(), argThat(argv -> !List.of("--help", "--check").contains(argv.get(1))));
        verify(commands).run(any(), eq(Firewall.table(true)), eq(List.of("nft", "--check", "-f", "-")));
    }
}
