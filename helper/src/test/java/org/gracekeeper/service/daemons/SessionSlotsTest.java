// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.after;
import static org.mockito.Mockito.clearInvocations;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.timeout;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.sys.Kernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SessionSlotsTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final ServiceName DB = new ServiceName("db");
    private static final int SOON = 5000;
    private static final int A_WHILE = 300;

    private final Kernel kernel = mock(Kernel.class);
    private final Node node = mock(Node.class);
    private final NfsdFs nfsd = mock(NfsdFs.class);
    private final SessionSlots slots = new SessionSlots(node, nfsd);

    @BeforeEach
    void aNode() throws Exception {
        when(node.kernel()).thenReturn(kernel);
        when(node.kernelRelease()).thenReturn("6.12.117+deb12-cloud-amd64");
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(node.apart(any())).thenAnswer(call -> call.<Callable<?>>getArgument(0).call());
    }

    private void atWork(ServiceName... names) throws Exception {
        slots.retain(Set.of(names));
        verify(nfsd, timeout(SOON).times(1)).makeAndDropServer();
        clearInvocations(nfsd, kernel);
    }

    private void isPutRight() throws Exception {
        verify(nfsd, timeout(SOON).times(1)).makeAndDropServer();
        clearInvocations(nfsd);
    }

    private void isLeftAlone() throws Exception {
        verify(nfsd, after(A_WHILE).never()).makeAndDropServer();
    }

    @Test
    void onceAClientHasGone() throws Exception {
        atWork(WEB);
        slots.see(WEB, Set.of("3", "4"));
        slots.see(WEB, Set.of("3", "4", "5"));
        isLeftAlone();
        slots.see(WEB, Set.of("3", "5"));
        isPutRight();
        slots.see(WEB, Set.of("3", "5"));
        isLeftAlone();
    }

    @Test
    void onceAServiceHasGoneWithItsClients() throws Exception {
        atWork(WEB, DB);
        slots.see(WEB, Set.of("3"));
        slots.see(DB, Set.of());
        slots.retain(Set.of(WEB, DB));
        isLeftAlone();
        slots.retain(Set.of(WEB));
        isLeftAlone();
        slots.see(DB, Set.of());
        slots.retain(Set.of(DB));
        isPutRight();
    }

    /** A helper that has just been started does not know who was there while there was none. */
    @Test
    void atTheFirstLook() throws Exception {
        atWork(WEB);
        slots.retain(Set.of(WEB));
        isLeftAlone();
    }

    @Test
    void notWhereThereIsNoServiceYet() throws Exception {
        slots.retain(Set.of());
        slots.retain(Set.of(WEB));
        isLeftAlone();
    }

    @Test
    void whereNoNfsdIsLeftNobodyNeedsIt() throws Exception {
        atWork(WEB);
        slots.see(WEB, Set.of("3"));
        slots.retain(Set.of());
        isLeftAlone();
    }

    @Test
    void theNodesOwnNfsdSharesIt() throws Exception {
        atWork(WEB);
        when(nfsd.runs()).thenReturn(true);
        slots.see(WEB, Set.of("3"));
        slots.retain(Set.of());
        isPutRight();
    }

    @Test
    void theNodesRpcbindHearsNothing() throws Exception {
        atWork(WEB);
        slots.see(WEB, Set.of("3"));
        slots.see(WEB, Set.of());
        isPutRight();
        var order = inOrder(kernel);
        order.verify(kernel).mount("tmpfs", Path.of("/run"), "tmpfs", 2, "size=4k");
        order.verify(kernel).mount("nfsd", MountNamespace.NFSD, "nfsd", 0, null);
    }

    /** However many go meanwhile, it is once more to be done, and one thread that hangs is enough. */
    @Test
    void oneAtATime() throws Exception {
        atWork(WEB);
        CountDownLatch hangs = new CountDownLatch(1);
        doAnswer(call -> {
            hangs.await();
            return null;
        }).when(nfsd).makeAndDropServer();
        slots.see(WEB, Set.of("1", "2", "3", "4"));
        slots.see(WEB, Set.of("1", "2", "3"));
        verify(nfsd, timeout(SOON)).makeAndDropServer();
        slots.see(WEB, Set.of("1", "2"));
        slots.see(WEB, Set.of("1"));
        slots.see(WEB, Set.of());
        hangs.countDown();
        verify(nfsd, after(A_WHILE).times(2)).makeAndDropServer();
    }

    @Test
    void aFailureIsNotTheLast() throws Exception {
        atWork(WEB);
        doThrow(new IOException("refused")).when(nfsd).makeAndDropServer();
        slots.see(WEB, Set.of("1", "2"));
        slots.see(WEB, Set.of("1"));
        isPutRight();
        slots.see(WEB, Set.of());
        isPutRight();
    }

    @Test
    void kernelsOfTodayHaveNoSuchLimit() throws Exception {
        when(node.kernelRelease()).thenReturn("6.14.0");
        SessionSlots today = new SessionSlots(node, nfsd);
        today.retain(Set.of(WEB));
        today.see(WEB, Set.of("3"));
        assertTrue(today.see(WEB, Set.of()));
        isLeftAlone();
        verify(node, never()).apart(any());
    }
}
