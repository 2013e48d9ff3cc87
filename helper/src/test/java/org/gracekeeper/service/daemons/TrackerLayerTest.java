// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.node.InotifyRoom;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.InOrder;

class TrackerLayerTest {
    private final DaemonUnits units = mock(DaemonUnits.class);
    private final InotifyRoom room = mock(InotifyRoom.class);
    private final List<String> said = new ArrayList<>();
    private final TrackerLayer layer = new TrackerLayer(units, room);
    private Operation operation;

    @BeforeEach
    void aService() throws Exception {
        operation = TestService.operation(TestService.at(Path.of("/srv/a/state")), said);
    }

    @Test
    void nfsdcldIsAskedForAloneWhenThereIsRoomForIt() throws Exception {
        layer.up(operation);
        InOrder order = inOrder(room, units);
        order.verify(room).make();
        order.verify(units).requestStart(operation, List.of("nfsdcld"));
        order.verifyNoMoreInteractions();
    }

    @Test
    void roomThatCannotBeMadeIsNoFailure() throws Exception {
        doThrow(new IOException("read-only")).when(room).make();
        layer.up(operation);
        verify(units).requestStart(operation, List.of("nfsdcld"));
        assertEquals(1, said.stream().filter(line -> line.endsWith("max_user_instances: read-only")).count(), said.toString());
    }
}
