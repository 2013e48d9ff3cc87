// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ExportCachesTest {
    private final Kernel kernel = mock(Kernel.class);
    private final List<String> written = new ArrayList<>();
    private final Map<String, KernelException> failures = new HashMap<>();
    private final ExportCaches caches = new ExportCaches(kernel, Path.of("/rpc"));

    @BeforeEach
    void files() throws Exception {
        doAnswer(call -> {
            String file = call.getArgument(0).toString();
            String text = new String(call.<byte[]>getArgument(1), StandardCharsets.US_ASCII);
            assertTrue(text.matches("[0-9]{10}\n"), text); // at most 19 bytes, of which a number
            written.add(file);
            if (failures.containsKey(file)) {
                throw failures.get(file);
            }
            return null;
        }).when(kernel).writeOnce(any(), any());
    }

    @Test
    void allAreEmptiedThoseFirstThatReferToOthers() throws Exception {
        caches.flush();
        assertEquals(List.of("/rpc/auth.unix.ip/flush", "/rpc/auth.unix.gid/flush", "/rpc/nfsd.fh/flush",
                "/rpc/nfsd.export/flush"), written);
    }

    @Test
    void oneThatIsNotThereIsEmpty() throws Exception {
        failures.put("/rpc/nfsd.fh/flush", KernelException.of("open", "nfsd.fh", Errno.ENOENT));
        caches.flush();
        assertEquals(4, written.size());
    }

    @Test
    void afterAFailureTheOthersAreEmptied() {
        KernelException failure = KernelException.of("open", "auth.unix.ip", Errno.EACCES);
        failures.put("/rpc/auth.unix.ip/flush", failure);
        assertSame(failure, assertThrows(KernelException.class, caches::flush));
        assertEquals(4, written.size());
    }
}
