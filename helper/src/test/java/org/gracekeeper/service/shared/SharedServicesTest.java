// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SharedServicesTest {
    private final Registry registry = mock(Registry.class);
    private final List<ServiceName> names = new ArrayList<>();
    private final SharedServices services = new SharedServices(registry);

    @BeforeEach
    void oneThatCannotBeRead() throws Exception {
        when(registry.names()).thenReturn(names);
        names.add(new ServiceName("damaged"));
        when(registry.load(names.get(0))).thenThrow(new IOException("no JSON"));
    }

    private RunningService service(String name, String instance) throws Exception {
        return TestService.of(name, TestService.parameters(Path.of("/srv/a/state"), "instance", instance));
    }

    private RunningService recorded(RunningService service) throws Exception {
        names.add(service.config().name());
        when(registry.load(service.config().name())).thenReturn(Optional.of(service));
        return service;
    }

    @Test
    void theyAreThoseOfTheNodesOwnNfsd() throws Exception {
        RunningService starting = recorded(service("db", "node"));
        RunningService stopping = recorded(service("web", "node").withOpened().withStopping());
        recorded(service("own", "own").withOpened());

        assertEquals(List.of(starting, stopping), services.all());
        assertEquals(List.of(stopping), services.open());
    }

    @Test
    void oneThatHasJustStoppedDoesNotKeepTheOthersFromRecovering() throws Exception {
        RunningService stopped = service("db", "node");
        RunningService web = service("web", "node");
        doThrow(new IOException("gone")).when(registry).update(eq(stopped.config().name()), any());

        services.recover(List.of(stopped, web), 100);

        verify(registry).update(eq(web.config().name()), any());
    }
}
