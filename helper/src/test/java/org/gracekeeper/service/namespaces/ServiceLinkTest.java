// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.verifyNoInteractions;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.Test;

class ServiceLinkTest {
    private final Kernel kernel = mock(Kernel.class);
    private final Node node = mock(Node.class);

    private OcfException refused(CommandResult result) {
        ServiceLink link = new ServiceLink(node, new IpLink((timeout, stdin, argv) -> result));
        return assertThrows(OcfException.class,
                () -> link.create(TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>())));
    }

    private static CommandResult ip(int exit, String err, boolean timedOut) {
        return new CommandResult(List.of("ip"), exit, "", err, Duration.ZERO, timedOut);
    }

    /** What a container has of the other kind is in no list of the node's devices. */
    @Test
    void aDeviceThatIsBusyIsToldApartFromOneThatCarriesNone() {
        OcfException busy = refused(ip(1, "RTNETLINK answers: Device or resource busy\nCommand failed -:1", false));
        assertEquals(OcfCode.ARGS, busy.code());
        assertTrue(busy.getMessage().endsWith("of containers for example: use link_type=macvlan, or name another device"),
                busy.getMessage());
        OcfException other = refused(ip(1, "RTNETLINK answers: Invalid argument\nCommand failed -:1", false));
        assertEquals(OcfCode.ARGS, other.code());
        assertTrue(other.getMessage().endsWith("name an Ethernet, bond or VLAN device"), other.getMessage());
    }

    /** An exit code for that would keep the service away from the node until somebody cleans up. */
    @Test
    void whatTookTooLongIsNoRefusal() {
        ServiceLink link = new ServiceLink(node, new IpLink((timeout, stdin, argv) -> ip(143, "", true)));
        IOException e = assertThrows(IOException.class,
                () -> link.create(TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>())));
        assertEquals("ip: took longer than it may", e.getMessage());
    }

    @Test
    void addressesAndRemovalNeedNoProcess() throws Exception {
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        IpLink ip = mock(IpLink.class);
        ServiceLink link = new ServiceLink(node, ip);
        link.address(TestService.operation(TestService.at(Path.of("/srv/a/state"), "ip", "192.0.2.1/24 2001:db8::1/64"),
                new ArrayList<>()));
        for (String each : List.of("192.0.2.1/24", "2001:db8::1/64")) {
            InetPrefix prefix = InetPrefix.parse(each);
            verify(kernel).addAddress(Instance.DEVICE, prefix.address(), prefix.length());
        }

        // Of this very process: the namespace is there.
        Instance instance = mock(Instance.class);
        when(instance.netnsFile()).thenReturn(Path.of("/proc/self/ns/net"));
        link.remove(instance);
        verify(kernel).removeDevice(Instance.DEVICE);
        doThrow(KernelException.of("ioctl", Instance.DEVICE, Errno.ENODEV)).when(kernel).isUp(Instance.DEVICE);
        link.remove(instance);
        verify(kernel).removeDevice(Instance.DEVICE);
        verifyNoInteractions(ip);
    }

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
