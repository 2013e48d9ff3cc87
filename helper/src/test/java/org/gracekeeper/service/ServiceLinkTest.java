// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.Test;

class ServiceLinkTest {
    private final Kernel kernel = mock(Kernel.class);
    private final Node node = mock(Node.class);

    /** The kernel removes it with its parent. Clients' locks are the server's all the same, and the stop writes them down. */
    @Test
    void nobodyReachesAServiceWhoseDeviceIsGone() throws Exception {
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        ServiceLink link = new ServiceLink(node, mock(IpLink.class));
        Instance instance = new Instance(new ServiceName("web"));

        when(kernel.isUp(Instance.DEVICE)).thenReturn(true);
        assertFalse(link.shut(instance));
        when(kernel.isUp(Instance.DEVICE)).thenReturn(false);
        assertTrue(link.shut(instance));

        doThrow(KernelException.of("ioctl", Instance.DEVICE, Errno.ENODEV)).when(kernel).isUp(Instance.DEVICE);
        assertTrue(link.shut(instance));
        doThrow(KernelException.of("ioctl", Instance.DEVICE, Errno.EINVAL)).when(kernel).isUp(Instance.DEVICE);
        assertThrows(IOException.class, () -> link.shut(instance));
    }
}
