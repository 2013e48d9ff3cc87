// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.Mockito.mock;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.sys.Kernel;
import org.junit.jupiter.api.Test;

/** With this program's own network namespace, where all that it starts are. */
class ProcessesTest {
    private static final Path HERE = Path.of("/proc/self/ns/net");

    private final Processes processes = new Processes(mock(Kernel.class));

    @Test
    void whatIsKnownIsSeenAsItIsNowUntilItEnds() throws Exception {
        Process sleep = new ProcessBuilder("sleep", "60").start();
        int pid = Math.toIntExact(sleep.pid());
        Processes.Process seen = new Processes.Process(pid, "sleep");
        try {
            assertEquals(Optional.of(seen), processes.one(HERE, pid));
            assertEquals(List.of(seen), processes.still(HERE, List.of(new Processes.Process(pid, "nsenter"))));
            assertEquals(Optional.of(seen), processes.in(HERE).stream().filter(p -> p.pid() == pid).findFirst());
        } finally {
            sleep.destroyForcibly().waitFor();
        }
        assertEquals(List.of(), processes.still(HERE, List.of(seen)));
    }

    @Test
    void nobodyIsInANamespaceThatIsNotThere() throws Exception {
        Processes.Process self = new Processes.Process(Math.toIntExact(ProcessHandle.current().pid()), "java");
        assertEquals(List.of(), processes.still(Path.of("/proc/self/ns/none"), List.of(self)));
        assertEquals(List.of(), processes.still(HERE, List.of()));
    }
}
