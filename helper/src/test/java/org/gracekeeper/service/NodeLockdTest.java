// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeLockdTest {
    @TempDir
    private Path dir;

    private Path saved;
    private Kernel kernel;

    @BeforeEach
    void sysctlsOfANode() throws IOException {
        kernel = LinuxKernel.load();
        saved = dir.resolve("saved");
        set("nlm_grace_period", 0);
        set("nlm_tcpport", 0);
        set("nlm_udpport", 32769);
    }

    private void set(String name, int value) throws IOException {
        Files.writeString(dir.resolve(name), value + "\n");
    }

    /** As a sysctl would: the last write counts, and plain files are not cut by it. */
    private int get(String name) throws IOException {
        return Integer.parseInt(Files.readString(dir.resolve(name)).split("\n")[0]);
    }

    private NodeLockd lockd() {
        return new NodeLockd(new LockdFs(kernel, dir, dir), new DurableFiles(kernel), saved);
    }

    @Test
    void theNodesSettingsAreBackAfterAStart() throws Exception {
        lockd().whileSet(30, () -> {
            assertEquals(30, get("nlm_grace_period"));
            assertEquals(NodeLockd.PORT, get("nlm_tcpport"));
        });
        assertEquals(0, get("nlm_grace_period"));
        assertEquals(0, get("nlm_tcpport"));
        assertEquals(32769, get("nlm_udpport"));
        assertFalse(Files.exists(saved));
    }

    @Test
    void theyAreBackAfterAStartThatFailed() {
        assertThrows(IOException.class, () -> lockd().whileSet(30, () -> {
            throw new IOException("no threads");
        }));
        assertFalse(Files.exists(saved));
    }

    @Test
    void aHelperStartedAfterOneThatWasKilledRestoresThem() throws Exception {
        Files.writeString(saved, "{\"gracePeriod\":7,\"tcpPort\":0,\"udpPort\":32769}");
        set("nlm_grace_period", 90);
        lockd().restore();
        assertEquals(7, get("nlm_grace_period"));
        assertFalse(Files.exists(saved));
    }
}
