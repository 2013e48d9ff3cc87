// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.nfsd.ProcLocks;
import org.gracekeeper.service.release.FakeServers;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HoldingsTest {
    /** No process has it (PID_MAX_LIMIT of include/linux/threads.h): as of an nfsd thread that has ended. */
    private static final int NOBODY = 4 << 20;

    @TempDir
    private Path dir;

    @Test
    void theProofLooksAtAllFileSystems() throws Exception {
        FakeServers fake = new FakeServers(dir);
        Path locks = fake.root.resolve("locks");
        Files.writeString(locks, String.format("1: POSIX  ADVISORY  WRITE %d %02x:%02x:12 0 EOF%n", NOBODY,
                FakeServers.THERE.major(), FakeServers.THERE.minor()));
        Holdings holdings = new Holdings(fake.node, fake.nfsd, new ProcLocks(fake.kernel, locks));
        RunningService one = service(FakeServers.HERE);
        RunningService two = service(FakeServers.HERE, FakeServers.THERE);

        assertDoesNotThrow(() -> holdings.requireNone(one));
        IOException left = assertThrows(IOException.class, () -> holdings.requireNone(two));
        assertTrue(left.getMessage().startsWith("1 locks"), left.getMessage());
    }

    private RunningService service(DeviceId... devices) throws Exception {
        return new RunningService(TestService.at(dir).config(), "eth0", List.of(), List.of(), List.of(devices), 90, 0, false, false,
                false, "");
    }
}
