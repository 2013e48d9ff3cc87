// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doNothing;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.network.Announcements;
import org.gracekeeper.service.network.ConnectionReset;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.notify.Notifications;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.mockito.InOrder;

class OpenLayerTest {
    private final ServiceLink link = mock(ServiceLink.class);
    private final AddressGuard guard = mock(AddressGuard.class);
    private final Firewall firewall = mock(Firewall.class);
    private final RecordsLayer records = mock(RecordsLayer.class);
    private final Recovery recovery = mock(Recovery.class);
    private final PeerList peers = mock(PeerList.class);
    private final Notifications notifications = mock(Notifications.class);
    private final Announcements announcements = mock(Announcements.class);
    private final Holdings holdings = mock(Holdings.class);
    private final OcfException tooLate = new OcfException(OcfCode.GENERIC, "too late");
    private Registry registry;
    private OpenLayer layer;
    private Operation operation;

    @BeforeEach
    void aStart(@TempDir Path dir) throws Exception {
        RunningService service = TestService.at(Path.of("/srv/a/state")).started(5);
        registry = new Registry(dir, new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        registry.save(service, TestService.parameters(Path.of("/srv/a/state")));
        operation = TestService.operation(service, new ArrayList<>());
        layer = new OpenLayer(
                registry, link, guard, firewall, records, recovery, new ConnectionReset(mock(Node.class), peers), notifications,
                announcements, holdings, new CalmClose(link, holdings));
    }

    private boolean opened() throws IOException {
        return registry.load(operation.instance().name()).orElseThrow().opened();
    }

    @Test
    void clientsAreNotifiedAsSoonAsTheyCanBeReached() throws Exception {
        layer.up(operation);

        InOrder order = inOrder(firewall, link, notifications, announcements, peers);
        order.verify(firewall).require(operation);
        order.verify(link).open(operation);
        order.verify(notifications).letGo(operation.instance().name());
        order.verify(announcements).begin(operation);
        order.verify(peers).before(operation);
        assertTrue(opened());
    }

    @Test
    void whoeverIsHeldUpAtTheDoorItselfShutsItAgain() throws Exception {
        doNothing().doThrow(tooLate).when(recovery).requireTime(operation.service());
        when(holdings.isEmpty(operation.service())).thenReturn(true);

        assertThrows(OcfException.class, () -> layer.up(operation));

        InOrder order = inOrder(link, records);
        order.verify(link).open(operation);
        order.verify(link).close(operation);
        order.verify(records).staysClosed(operation.state());
        assertFalse(opened());
        verify(notifications, never()).letGo(any());
    }

    @Test
    void notOnceSomebodyHasCome() throws Exception {
        doNothing().doThrow(tooLate).when(recovery).requireTime(operation.service());

        layer.up(operation);

        verify(link, never()).close(any());
        assertTrue(opened());
        verify(notifications).letGo(operation.instance().name());
    }

    @Test
    void norWhenSomebodyCameAtTheLastMoment() throws Exception {
        doNothing().doThrow(tooLate).when(recovery).requireTime(operation.service());
        when(holdings.isEmpty(operation.service())).thenReturn(true, false);

        layer.up(operation);

        verify(link, times(2)).open(operation);
        assertTrue(opened());
        verify(records, never()).staysClosed(any());
    }

    @Test
    void nobodyIsNotifiedWhoCannotBeReached() throws Exception {
        doThrow(new IOException("no device")).when(link).open(operation);
        assertThrows(IOException.class, () -> layer.up(operation));
        verify(notifications, never()).letGo(any());
    }

    @Test
    void norWhenAStartComesTooLate() throws Exception {
        doThrow(tooLate).when(recovery).requireTime(operation.service());
        assertThrows(OcfException.class, () -> layer.up(operation));
        verify(link, never()).open(any());
        verify(notifications, never()).letGo(any());
        verify(records).staysClosed(operation.state());
        assertFalse(opened());
    }

    /** The list of clients of before must be there for the next start, whatever became of this one. */
    @Test
    void aStartThatIsInterruptedWhileTheDiskStallsIsUndone() throws Exception {
        IOException failure = new IOException("interrupted");
        doAnswer(call -> {
            Thread.currentThread().interrupt();
            throw failure;
        }).when(records).opens(operation.state());
        AtomicBoolean status = new AtomicBoolean(true);
        doAnswer(call -> {
            status.set(Thread.currentThread().isInterrupted());
            return null;
        }).when(records).staysClosed(operation.state());

        assertEquals(failure, assertThrows(IOException.class, () -> layer.up(operation)));

        assertTrue(Thread.interrupted(), "for who waits next");
        assertFalse(status.get(), "what undoes it is not interrupted");
        assertFalse(opened());
        verify(link, never()).open(any());
    }

    @Test
    void theListIsPutBackAlsoWhereTheServiceIsNoLongerRecorded() throws Exception {
        doThrow(tooLate).when(recovery).requireTime(operation.service());
        doAnswer(call -> {
            registry.remove(operation.instance().name());
            return null;
        }).when(records).opens(operation.state());
        assertThrows(IOException.class, () -> layer.up(operation));
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
