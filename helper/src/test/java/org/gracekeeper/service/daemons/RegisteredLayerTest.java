// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegisteredLayerTest {
    @TempDir
    private Path dir;

    private final DaemonsLayer daemons = mock(DaemonsLayer.class);
    private final RecordsLayer records = mock(RecordsLayer.class);
    private final RegisteredLayer layer = new RegisteredLayer(daemons, records);
    private final List<String> said = new ArrayList<>();

    private Operation stop(String... parameters) throws Exception {
        return TestService.operation(TestService.at(dir, parameters), said);
    }

    /** nfsd's stop tells it to, by lockd. */
    @Test
    void statdDoesNotForgetHostsThatAreNotInTheRecoverySet() throws Exception {
        Operation stop = stop();
        layer.down(stop);
        verify(daemons).down(stop);
        assertEquals(1, said.size(), said.toString());
    }

    @Test
    void whereAllAreItRunsUntilNfsdHasStopped() throws Exception {
        Operation stop = stop();
        when(records.isGathered(stop.state())).thenReturn(true);
        layer.down(stop);
        verify(daemons, never()).down(any());
        assertEquals(List.of(), said);
    }

    @Test
    void noHostLocksOverNfsV4Alone() throws Exception {
        layer.down(stop("versions", "4.1 4.2"));
        verify(daemons, never()).down(any());
    }
}
