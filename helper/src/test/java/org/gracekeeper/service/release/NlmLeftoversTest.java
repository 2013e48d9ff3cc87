// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NlmLeftoversTest {
    private static final String OLD = "6.1.0-56-cloud-amd64";

    @TempDir
    private Path dir;

    private final NlmRelease nlm = mock(NlmRelease.class);
    private FakeServers fake;
    private NlmLeftovers leftovers;
    private Path there;

    @BeforeEach
    void aNodeWithALock() throws Exception {
        fake = new FakeServers(dir);
        fake.exported();
        fake.threads(8);
        there = fake.mounted("there", FakeServers.THERE);
        fake.nlm.add(FakeServers.nlm(FakeServers.THERE, 1, 0));
        leftovers = new NlmLeftovers(fake.node, fake.servers, fake.holdings, nlm);
    }

    @Test
    void mountsWhoseLocksGoToTheServerKeepLockdRunning() {
        assertEquals(List.of("/mnt"), NlmLeftovers.nlmMounts("""
                /dev/vda / ext4 rw 0 0
                server:/l /local nfs rw,vers=3,local_lock=all 0 0
                server:/x /mnt nfs rw,vers=3,local_lock=none 0 0
                server:/y /new nfs4 rw,vers=4.2,local_lock=none 0 0
                """));
    }

    @Test
    void whatAStopLeavesIsThereOnOldKernelsOnly() throws Exception {
        assertEquals(List.of(), leftovers.paths(true));
        fake.release = OLD;
        assertEquals(List.of(there), leftovers.paths(true));
        assertEquals(List.of(), leftovers.paths(false), "lockd goes on");
    }

    @Test
    void oneThatCannotBeReleasedIsNoReasonToLeaveTheOthers() throws Exception {
        doThrow(new IOException("no storage")).when(nlm).release(there);

        leftovers.release(List.of(there, dir));

        verify(nlm).release(there);
        verify(nlm).release(dir);
    }
}
