// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.gracekeeper.exec.ExecCommands;
import org.gracekeeper.node.Node;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.NamespaceSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BoundedTest {
    private static final Duration SHORT = Duration.ofMillis(200);
    private static final NamespaceSet HERE = new NamespaceSet(null, null);

    private final Kernel kernel = LinuxKernel.load();
    private final CountDownLatch freed = new CountDownLatch(1);

    @TempDir
    private Path dir;

    private void hang() {
        Uninterruptible.await(freed);
    }

    @Test
    void theStepsOwnFailureIsThrown() {
        IOException own = new IOException("own");
        assertEquals(own, assertThrows(IOException.class, () -> Bounded.run("a step", Duration.ofMinutes(1), () -> {
            throw own;
        })));
        IOException wrapped = assertThrows(IOException.class, () -> Bounded.run("a step", Duration.ofMinutes(1), () -> {
            throw new IllegalStateException("odd");
        }));
        assertTrue(wrapped.getMessage().startsWith("a step: "), wrapped.getMessage());
    }

    @Test
    void whatAnInterruptedStepStillDoesIsDoneBefore() {
        AtomicBoolean closed = new AtomicBoolean();
        IOException late = assertThrows(IOException.class, () -> Bounded.run("a step", SHORT, () -> {
            try {
                new CountDownLatch(1).await();
            } finally {
                Bounded.requireAwaited();
                closed.set(true);
            }
        }));
        assertTrue(late.getMessage().contains("a step did not end within"), late.getMessage());
        assertTrue(closed.get());
    }

    /** The service may have been started here once more meanwhile. */
    @Test
    void whoeverIsLeftBehindChangesNothingAnyMore() throws Exception {
        Node node = new Node(kernel, new ExecCommands());
        DurableFiles files = new DurableFiles(kernel);
        Path file = Files.createFile(dir.resolve("a"));
        List<Step> changes = List.of(
                () -> node.in(HERE, () -> Files.createFile(dir.resolve("b"))),
                () -> node.commands().run(Duration.ofMinutes(1), null, List.of("touch", dir.resolve("c").toString())),
                () -> files.write(file, new byte[1]),
                () -> files.deleteTree(file));
        BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();
        assertThrows(IOException.class, () -> Bounded.run("a step", SHORT, () -> {
            hang();
            for (Step change : changes) {
                try {
                    change.run();
                    outcomes.add("done");
                } catch (InterruptedIOException e) {
                    outcomes.add(e.getMessage());
                }
            }
        }));

        freed.countDown();

        for (int i = 0; i < changes.size(); i++) {
            assertEquals("a step: nobody waits for it any more", outcomes.poll(1, TimeUnit.MINUTES), "change " + i);
        }
        try (var left = Files.list(dir)) {
            assertEquals(List.of(file), left.toList());
        }
        assertEquals(0, Files.size(file));
    }

    /** The one within waits for nothing that could be interrupted. */
    @Test
    void aStepWithinAStepIsLeftBehindWithIt() throws Exception {
        BlockingQueue<Boolean> awaited = new LinkedBlockingQueue<>();
        Step within = () -> {
            hang();
            try {
                Bounded.requireAwaited();
                awaited.add(true);
            } catch (InterruptedIOException e) {
                awaited.add(false);
            }
        };
        assertThrows(IOException.class, () -> Bounded.run("a step", SHORT,
                () -> Bounded.run("one within", Duration.ofMinutes(1), within)));
        freed.countDown();
        assertFalse(awaited.poll(1, TimeUnit.MINUTES));
    }
}
