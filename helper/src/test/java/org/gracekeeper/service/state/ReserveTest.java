// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.StatFs;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReserveTest {
    @TempDir
    Path dir;

    private final Kernel kernel = mock(Kernel.class);
    private final Reserve reserve = new Reserve(kernel, new DurableFiles(kernel));
    private StateDirectory state;

    @BeforeEach
    void directory() {
        state = new StateDirectory(dir);
    }

    private void available(long bytes) throws Exception {
        when(kernel.statfs(any())).thenReturn(new StatFs(0, false, bytes));
    }

    @Test
    void isTakenOnceAndFilledUp() throws Exception {
        Files.write(state.reserve(), new byte[100]);
        reserve.take(state);
        assertEquals(Reserve.SIZE, Files.size(state.reserve()));
        var time = Files.getLastModifiedTime(state.reserve());
        reserve.take(state);
        assertEquals(time, Files.getLastModifiedTime(state.reserve()));
    }

    @Test
    void isGivenUpOnAFullDiskOnly() throws Exception {
        reserve.take(state);
        available(1L << 30);
        reserve.release(state);
        assertTrue(Files.exists(state.reserve()));
        assertEquals(Optional.empty(), reserve.problem(state));
        available(0);
        assertTrue(reserve.problem(state).orElseThrow().contains(dir.toString()));
        reserve.release(state);
        assertFalse(Files.exists(state.reserve()));
        reserve.release(state);
    }
}
