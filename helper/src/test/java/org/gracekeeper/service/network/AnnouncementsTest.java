// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.after;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.timeout;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gracekeeper.net.Announcer;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AnnouncementsTest {
    private static final int MOMENT = 300;

    private final Node node = mock(Node.class);
    private final Announcer announcer = mock(Announcer.class);
    private Operation operation;

    @BeforeEach
    void aService() throws Exception {
        operation = TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>());
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
    }

    private Announcements every(Duration first, Duration second) {
        return new Announcements(node, announcer, List.of(first, second));
    }

    @Test
    void allAddressesAreAnnouncedAgain() throws Exception {
        every(Duration.ofMillis(1), Duration.ofMillis(1)).begin(operation);
        verify(announcer, timeout(10_000).times(2))
                .announce(Instance.DEVICE, List.of(InetAddress.getByName("192.0.2.1")));
    }

    @Test
    void untilTheServiceStops() throws Exception {
        Announcements announcements = every(Duration.ofMillis(1), Duration.ofHours(1));
        announcements.begin(operation);
        verify(announcer, timeout(10_000)).announce(any(), any());
        announcements.end(operation.instance().name());
        assertFalse(Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals("announcements of web")));
        announcements.end(operation.instance().name());
    }

    @Test
    void aDeviceThatIsGoneIsNotAskedAgain() throws Exception {
        doThrow(KernelException.of("sendto", "svc0", Errno.ENETDOWN)).when(announcer).announce(any(), any());
        every(Duration.ofMillis(1), Duration.ofMillis(1)).begin(operation);
        verify(announcer, after(MOMENT).times(1)).announce(any(), any());
    }
}
