// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
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
}
