// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShutdownOrderTest {
    private static final String START = "start [gracekeeper-node.target]";
    private static final String STOP = "stop [gracekeeper-node.target]";

    @TempDir
    private Path dir;

    private final Systemd systemd = mock(Systemd.class);
    private final List<String> asked = new ArrayList<>();
    private final List<String> said = new ArrayList<>();
    private Registry registry;
    private ShutdownOrder order;

    @BeforeEach
    void aNode() throws Exception {
        registry = new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        doAnswer(call -> asked.add("start " + call.getArgument(0))).when(systemd).start(any(), any());
        doAnswer(call -> asked.add("stop " + call.getArgument(0))).when(systemd).stop(any(), any());
        order = new ShutdownOrder(systemd, registry);
    }

    private Operation service(String name, String instance) throws Exception {
        Parameters parameters = TestService.parameters(dir, "instance", instance);
        RunningService service = TestService.of(name, parameters);
        registry.save(service, parameters);
        return TestService.operation(service, said);
    }

    private void leave(Operation operation) throws IOException {
        registry.remove(operation.instance().name());
        order.end(operation);
    }

    @Test
    void isThereFromTheFirstServiceToTheLast() throws Exception {
        Operation web = service("web", "node");
        order.begin(web);
        Operation db = service("db", "node");
        order.begin(db);
        leave(web);
        assertEquals(List.of(START, START), asked);

        leave(db);

        assertEquals(List.of(START, START, STOP), asked);
    }

    @Test
    void aServiceWithAnNfsdOfItsOwnDoesNotNeedIt() throws Exception {
        service("own", "own");
        leave(service("web", "node"));
        assertEquals(List.of(STOP), asked);
    }

    @Test
    void oneThatCannotBeReadMayNeedIt() throws Exception {
        service("db", "node");
        Files.writeString(dir.resolve("services/db/service.json"), "{");
        leave(service("web", "node"));
        assertEquals(List.of(), asked);
    }

    @Test
    void aSystemdThatRefusesIsNoReasonToFail() throws Exception {
        doThrow(new IOException("Transaction is destructive")).when(systemd).start(any(), any());
        doThrow(new IOException("Transaction is destructive")).when(systemd).stop(any(), any());
        Operation web = service("web", "node");
        order.begin(web);
        registry.remove(new ServiceName("web"));
        order.end(web);
        assertEquals(2, said.stream().filter(line -> line.endsWith(": Transaction is destructive")).count(), said.toString());
    }
}
