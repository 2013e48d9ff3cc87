// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.OwnMounts;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.standby.Standby;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** With the two layers above it, as far as a standby has what they make. */
class NamespacesLayerTest {
    private final Node node = mock(Node.class);
    private final ServiceNamespaces namespaces = mock(ServiceNamespaces.class);
    private final MountNamespace mounts = mock(MountNamespace.class);
    private final ServiceLink serviceLink = mock(ServiceLink.class);
    private final Standby standby = mock(Standby.class);
    private final List<String> done = new ArrayList<>();
    private final NamespacesLayer layer = new NamespacesLayer(node, namespaces, mounts, standby);
    private final Firewall firewall = mock(Firewall.class);
    private final LinkLayer link =
            new LinkLayer(serviceLink, mock(AddressGuard.class), firewall, mock(OwnMounts.class), standby);
    private Operation operation;

    @BeforeEach
    void aNode() throws Exception {
        operation = TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>());
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(namespaces.isPinned(any())).thenReturn(true);
        doAnswer(call -> done.add("make")).when(namespaces).make(any(), any());
        doAnswer(call -> done.add("remove")).when(namespaces).remove(any());
        doAnswer(call -> done.add("own")).when(mounts).mountOwn();
        doAnswer(call -> done.add("service")).when(mounts).mountService(any());
        doAnswer(call -> done.add("unmount")).when(mounts).unmountAll();
        doAnswer(call -> done.add("room")).when(standby).makeRoom(any());
        doAnswer(call -> done.add("forget")).when(standby).forget(any());
        doAnswer(call -> done.add("create")).when(serviceLink).create(any());
        doAnswer(call -> done.add("address")).when(serviceLink).address(any());
    }

    private void prepared(boolean isPrepared) throws Exception {
        when(standby.adopt(any())).thenReturn(isPrepared);
        when(standby.isAdopted(any())).thenReturn(isPrepared);
    }

    @Test
    void whatWasPreparedIsOnlyCompleted() throws Exception {
        prepared(true);
        layer.up(operation);
        link.up(operation);
        assertEquals(List.of("service", "address"), done);
        verify(firewall).begin(operation, true);
        assertEquals(List.of(true, true), List.of(layer.wasPrepared(operation), link.wasPrepared(operation)));
    }

    @Test
    void whatWasNotIsMade() throws Exception {
        prepared(false);
        layer.up(operation);
        link.up(operation);
        assertEquals(List.of("make", "own", "service", "room", "create", "address"), done);
        verify(firewall).begin(operation, false);
        assertEquals(List.of(false, false), List.of(layer.wasPrepared(operation), link.wasPrepared(operation)));
    }

    /** Of a start that was cut short before it took its standby over that is still on record. */
    @Test
    void aStopLeavesNothing() throws Exception {
        layer.down(operation);
        assertEquals(List.of("unmount", "remove", "forget"), done);
    }

    @Test
    void aStopThatFailsForgetsNothing() throws Exception {
        doThrow(new IOException("busy")).when(namespaces).remove(any());
        assertThrows(IOException.class, () -> layer.down(operation));
        assertEquals(List.of("unmount"), done);
    }
}
