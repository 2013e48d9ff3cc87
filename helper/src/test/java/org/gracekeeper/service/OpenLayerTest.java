// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.mockito.InOrder;

class OpenLayerTest {
    private final ServiceLink link = mock(ServiceLink.class);
    private final AddressGuard guard = mock(AddressGuard.class);
    private final RecordsLayer records = mock(RecordsLayer.class);
    private final Recovery recovery = mock(Recovery.class);
    private final PeerList peers = mock(PeerList.class);
    private final Notifications notifications = mock(Notifications.class);
    private final Announcements announcements = mock(Announcements.class);
    private final OpenLayer layer = new OpenLayer(mock(Node.class), mock(Registry.class), link, guard, records, recovery,
            peers, notifications, announcements);
    private Operation operation;

    @BeforeEach
    void aStart() throws Exception {
        operation = TestService.operation(TestService.at(Path.of("/srv/a/state")).started(5), new ArrayList<>());
    }

    @Test
    void clientsAreNotifiedAsSoonAsTheyCanBeReached() throws Exception {
        layer.up(operation);

        InOrder order = inOrder(link, notifications, announcements, peers);
        order.verify(link).open(operation);
        order.verify(notifications).letGo(operation.instance().name());
        order.verify(announcements).begin(operation);
        order.verify(peers).before(operation);
    }

    @Test
    void nobodyIsNotifiedWhoCannotBeReached() throws Exception {
        doThrow(new IOException("no device")).when(link).open(operation);
        assertThrows(IOException.class, () -> layer.up(operation));
        verify(notifications, never()).letGo(any());
    }

    @Test
    void norWhenAStartComesTooLate() throws Exception {
        doThrow(new OcfException(OcfCode.GENERIC, "too late")).when(recovery).requireTime(operation.service());
        assertThrows(OcfException.class, () -> layer.up(operation));
        verify(link, never()).open(any());
        verify(notifications, never()).letGo(any());
        verify(records).staysClosed(operation.state());
    }

    @Test
    void norWhenTheTimeLeftCannotBeRead() throws Exception {
        doThrow(new IOException("no such file")).when(recovery).requireTime(operation.service());
        assertThrows(IOException.class, () -> layer.up(operation));
        verify(link, never()).open(any());
        verify(records).staysClosed(operation.state());
    }

    @Test
    void nothingIsAnnouncedAnyMoreWhenTheDeviceGoesDown(@TempDir Path dir) throws Exception {
        Instance instance = mock(Instance.class);
        when(instance.netnsFile()).thenReturn(Files.createFile(dir.resolve("netns")));
        when(instance.name()).thenReturn(operation.instance().name());
        Operation stop = mock(Operation.class);
        when(stop.instance()).thenReturn(instance);

        layer.down(stop);

        InOrder order = inOrder(announcements, link);
        order.verify(announcements).end(instance.name());
        order.verify(link).close(stop);
    }
}
