// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doThrow;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gracekeeper.service.shared.FakeRestart;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeServerTest {
    @TempDir
    private Path dir;

    private FakeRestart node;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        node = new FakeRestart(dir);
    }

    @Test
    void itRunsWhileItHasThreads() throws Exception {
        assertTrue(node.server.runs());
        node.fake.threads(0);
        assertFalse(node.server.runs());
        Files.delete(node.fake.root.resolve("threads"));
        assertFalse(node.server.runs(), "its file system is not mounted");
        doThrow(KernelException.of("open", "threads", Errno.EIO)).when(node.fake.kernel).read(any(), anyInt());
        assertThrows(KernelException.class, node.server::runs);
    }

    @Test
    void itStartsUnderAName() throws Exception {
        node.server.stop();
        assertEquals(0, node.server.startedAt());
        node.server.start(16, "one-name");

        assertEquals(List.of("rpc.nfsd 0", "rpc.nfsd 16"), node.done);
        assertEquals(List.of("one-name"), node.scopes);
        assertEquals(16, node.server.threads());
        assertEquals(100, node.server.startedAt());
    }
}
