// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Waiting;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ServerLookTest {
    private final Node node = mock(Node.class);
    private final NfsdFs nfsd = mock(NfsdFs.class);
    private final CountDownLatch mutex = new CountDownLatch(1);
    private final ServerLook look = new ServerLook(node, nfsd, Duration.ofMillis(50));

    @BeforeEach
    void aNode() throws Exception {
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
    }

    private Optional<Boolean> runs() throws IOException, InterruptedException {
        return look.runs(Namespaces.HOST);
    }

    private void anotherServerHangs() throws IOException {
        when(nfsd.runs()).thenAnswer(call -> {
            mutex.await();
            return false;
        });
    }

    @Test
    void nfsdTells() throws Exception {
        when(nfsd.runs()).thenReturn(true, false).thenThrow(new IOException("no such thing"));
        assertEquals(Optional.of(true), runs());
        assertEquals(Optional.of(false), runs());
        assertEquals("no such thing", assertThrows(IOException.class, this::runs).getMessage());
        assertEquals(Optional.empty(), look.remark());
    }

    @Test
    void orItDoesNot() throws Exception {
        anotherServerHangs();
        assertEquals(Optional.empty(), runs());
        assertTrue(look.remark().orElseThrow().startsWith("an NFS server of this node has been starting or stopping"));
    }

    /** Each would keep a thread in a service's namespaces. */
    @Test
    void noLookBeginsWhileOneHangs() throws Exception {
        anotherServerHangs();
        for (int i = 0; i < 10; i++) {
            assertEquals(Optional.empty(), runs());
        }
        verify(nfsd, times(1)).runs();
    }

    @Test
    void itTellsAgainWhenTheOtherHasStopped() throws Exception {
        anotherServerHangs();
        assertEquals(Optional.empty(), runs());
        mutex.countDown();
        assertTrue(Waiting.until(Deadline.after(Duration.ofSeconds(30)), () -> look.remark().isEmpty()));
        assertEquals(Optional.of(false), runs());
    }

    @Test
    void whoLooksCanBeInterrupted() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch interrupted = new CountDownLatch(1);
        when(nfsd.runs()).thenAnswer(call -> {
            asked.countDown();
            try {
                mutex.await();
            } catch (InterruptedException e) {
                interrupted.countDown();
            }
            return true;
        });
        AtomicReference<Exception> end = new AtomicReference<>();
        Thread monitor = new Thread(() -> end.set(assertThrows(InterruptedException.class,
                () -> new ServerLook(node, nfsd, Duration.ofMinutes(5)).runs(Namespaces.HOST))));
        monitor.start();
        asked.await();
        monitor.interrupt();
        monitor.join();
        interrupted.await();
        assertTrue(end.get() instanceof InterruptedException);
    }
}
