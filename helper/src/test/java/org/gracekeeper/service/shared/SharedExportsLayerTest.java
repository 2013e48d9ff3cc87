// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedExportsLayerTest {
    private static PlannedExport export(String path, String... hosts) {
        return new PlannedExport(path, "1", Stream.of(hosts).map(host -> new PlannedExport.Client(host, List.of())).toList());
    }

    @Test
    void whatAServiceExportsNoMoreIsWithdrawn(@TempDir Path dir) throws Exception {
        Path etab = Files.writeString(dir.resolve("etab"), """
                /srv/a\t192.0.2.0/24(rw)
                /srv/b\t192.0.2.0/24(rw)
                /srv/b\t2001:db8::/32(rw)
                /srv/b\t198.51.100.7(ro)
                """);
        Node node = mock(Node.class);
        List<String> ran = new ArrayList<>();
        when(node.kernel()).thenReturn(LinuxKernel.load());
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(node.run(any(), any(String[].class))).thenAnswer(call -> {
            ran.add(Arrays.stream(call.getArguments()).skip(1).map(Object::toString).reduce((a, b) -> a + " " + b).orElse(""));
            return null;
        });
        List<PlannedExport> before = List.of(export("/srv/a", "192.0.2.0/24"), export("/srv/b", "192.0.2.0/24", "2001:db8::/32"),
                export("/srv/c", "*"));
        RunningService less = TestService.at(Path.of("/srv/a/state"), "instance", "node", "grace", "none");
        less = less.with(less.config(), List.of(export("/srv/a", "192.0.2.0/24")));

        new SharedExportsLayer(node, null, etab).withdraw(TestService.operation(less, new ArrayList<>()), before);

        assertEquals(List.of("exportfs -u 192.0.2.0/24:/srv/b", "exportfs -u [2001:db8::]/32:/srv/b"), ran,
                "nor is what others have exported, or what is not exported at all");
    }
}
