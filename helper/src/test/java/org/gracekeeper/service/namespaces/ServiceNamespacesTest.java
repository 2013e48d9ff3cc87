// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.MountCalls;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceNamespacesTest {
    @TempDir
    private Path dir;

    private final Kernel kernel = mock(Kernel.class);
    private final Node node = mock(Node.class);
    private final Instance instance = mock(Instance.class);
    private final ServiceNamespaces namespaces = new ServiceNamespaces(node);
    private Path netns;
    private Path pin;

    @BeforeEach
    void pinned() throws Exception {
        netns = Files.createFile(dir.resolve("gk-web"));
        pin = Files.createFile(dir.resolve("web"));
        when(instance.netnsFile()).thenReturn(netns);
        when(instance.mountPin()).thenReturn(pin);
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
    }

    @Test
    void bothAreUnpinnedWithoutAProcess() throws Exception {
        namespaces.remove(instance);
        verify(kernel).umount(pin, 0);
        verify(kernel).umount(netns, MountCalls.MNT_DETACH);
        verify(node, never()).run(any(), any());
        assertEquals(false, namespaces.any(instance));
        namespaces.remove(instance);
        verify(kernel).umount(netns, MountCalls.MNT_DETACH);
    }

    @Test
    void anEmptyFileIsWhatAStartLeftThatWasCutShort() throws Exception {
        doThrow(KernelException.of("umount2", "x", Errno.EINVAL)).when(kernel).umount(any(), anyInt());
        namespaces.remove(instance);
        assertEquals(false, namespaces.any(instance));
    }

    /** Its mounts would keep the file system busy, and nobody would know of it any more. */
    @Test
    void oneThatCannotBeUnpinnedStaysOnRecord() throws Exception {
        doThrow(KernelException.of("umount2", "x", Errno.EBUSY)).when(kernel).umount(pin, 0);
        assertEquals(Errno.EBUSY, assertThrows(KernelException.class, () -> namespaces.remove(instance)).errno());
        assertEquals(true, Files.exists(pin) && Files.exists(netns));
    }

    @Test
    void thePinsAreMountedOnce() throws Exception {
        Path pins = dir.resolve("ns");
        StringBuffer mountinfo = new StringBuffer("22 1 0:20 / / rw - ext4 /dev/vda rw\n");
        when(kernel.read(any(), anyInt())).thenAnswer(call -> {
            byte[] before = mountinfo.toString().getBytes(StandardCharsets.US_ASCII);
            Thread.sleep(50); // for others to see the same
            return before;
        });
        doAnswer(call -> mountinfo.append("31 22 0:20 / ").append(pins).append(" rw - ext4 /dev/vda rw\n"))
                .when(kernel).mount(pins.toString(), pins, null, MountCalls.MS_BIND, null);
        ExecutorService starts = Executors.newFixedThreadPool(4);
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            all.add(starts.submit(() -> {
                namespaces.preparePins(pins);
                return null;
            }));
        }
        for (Future<?> each : all) {
            each.get();
        }
        starts.shutdown();
        verify(kernel, times(1)).mount(pins.toString(), pins, null, MountCalls.MS_BIND, null);
        verify(kernel, times(1)).mount(null, pins, null, MountCalls.MS_PRIVATE, null);
    }
}
