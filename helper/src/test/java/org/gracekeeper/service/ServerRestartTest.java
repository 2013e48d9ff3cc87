// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerRestartTest {
    @TempDir
    private Path dir;

    private final List<String> done = java.util.Collections.synchronizedList(new ArrayList<>());
    private final List<String> said = new ArrayList<>();
    private final List<RunningService> here = new ArrayList<>();
    private FakeServers fake;
    private Path marker;
    private volatile String refused = "";
    private ServerRestart restart;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        marker = dir.resolve("restart");
        when(fake.node.in(any(), any(), any())).thenAnswer(call -> call.<java.util.concurrent.Callable<?>>getArgument(2).call());
        when(fake.node.run(any(), any(String[].class))).thenAnswer(call -> {
            String count = call.getArgument(2);
            if (count.equals(refused)) {
                throw new IOException("no memory");
            }
            done.add("rpc.nfsd " + count);
            fake.threads(Integer.parseInt(count));
            return null;
        });
        when(fake.node.bootSeconds()).thenReturn(100.0);
        when(fake.registry.names()).thenAnswer(call -> here.stream().map(service -> service.config().name()).toList());
        when(fake.registry.load(any())).thenAnswer(call -> here.stream()
                .filter(service -> service.config().name().equals(call.getArgument(0))).findFirst());
        when(fake.registry.update(any(), any())).thenAnswer(call -> {
            RunningService now = call.<UnaryOperator<RunningService>>getArgument(1).apply(here.get(0));
            done.add(now.config().name() + " recovers: " + !now.recovered());
            return now;
        });
        NodeLockd lockd = mock(NodeLockd.class);
        doAnswer(call -> {
            call.<Step>getArgument(0).run();
            return null;
        }).when(lockd).untouched(any());
        SharedRecordsLayer records = mock(SharedRecordsLayer.class);
        doAnswer(call -> done.add(call.<RunningService>getArgument(0).config().name() + " is recorded")).when(records).gatherNow(any());
        HostNotifier notifier = mock(HostNotifier.class);
        when(notifier.begin(any(), any(), any(), any(), any(), any())).thenAnswer(call -> {
            done.add("notified");
            return List.of();
        });
        restart = new ServerRestart(fake.node, fake.nfsd, mock(LockdFs.class), lockd, fake.registry, fake.servers, fake.holdings,
                mock(NlmRelease.class), records, new RestartGate(), notifier, new DurableFiles(LinuxKernel.load()), marker,
                Duration.ofMillis(300));
    }

    private RunningService service(String name) throws Exception {
        // A host that may reclaim.
        Files.writeString(Files.createDirectories(dir.resolve(name).resolve("nsm")).resolve("192.0.2.7"), "x");
        return TestService.of(name, TestService.parameters(dir.resolve(name), "instance", "node", "grace", "restart"));
    }

    @Test
    void othersAreRecordedBeforeAndToldAfterwards() throws Exception {
        here.add(service("db").started(5).withOpened().withRecovered());

        restart.join(TestService.operation(service("web"), said));

        assertEquals(List.of("db is recorded", "rpc.nfsd 0", "rpc.nfsd 8", "db recovers: true", "notified"), done);
        assertFalse(Files.exists(marker.resolve("threads")));
    }

    @Test
    void whereNobodyIsKnownNothingIsDone() throws Exception {
        RunningService web = service("web");
        Files.delete(web.state().nsm().resolve("192.0.2.7"));

        restart.join(TestService.operation(web, said));

        assertEquals(List.of(), done);
    }

    @Test
    void anNfsdThatIsStoppedIsStartedWhoeverGivesUp() throws Exception {
        refused = "8";
        Thread waiting = new Thread(() -> {
            try {
                restart.now(TestService.operation(service("web"), said));
            } catch (Exception e) {
                said.add(e.toString());
            }
        });
        waiting.start();
        while (!done.contains("rpc.nfsd 0")) {
            Thread.sleep(5);
        }
        waiting.interrupt();
        waiting.join();
        refused = "";
        Deadline deadline = Deadline.after(Duration.ofSeconds(10));
        while (!done.contains("rpc.nfsd 8") && !deadline.passed()) {
            Thread.sleep(5);
        }
        assertTrue(done.contains("rpc.nfsd 8"), done.toString());
    }

    @Test
    void aNodeWithMountsOverNfsv3CannotGetAGracePeriod() throws Exception {
        Path mounts = Path.of("/proc/1/mounts");
        when(fake.kernel.read(org.mockito.ArgumentMatchers.eq(mounts), org.mockito.ArgumentMatchers.anyInt())).thenReturn(
                "server:/x /mnt nfs rw,vers=3,hard 0 0\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII));

        IOException e = assertThrows(IOException.class, () -> restart.join(TestService.operation(service("web"), said)));

        assertTrue(e.getMessage().contains("/mnt"), e.getMessage());
        assertEquals(List.of(), done);
    }

    @Test
    void servicesThatComeTogetherHaveOneRestart() throws Exception {
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                restart.join(TestService.operation(service("db"), new ArrayList<>()));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        restart.join(TestService.operation(service("web"), said));
        other.get();

        assertEquals(List.of("rpc.nfsd 0", "rpc.nfsd 8", "notified"), done);
    }

    @Test
    void oneOnItsWayIsWaitedFor() throws Exception {
        RunningService late = service("late");
        here.add(late);
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                Thread.sleep(900); // more than the others' time of quiet
                restart.join(TestService.operation(late, new ArrayList<>()));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        restart.join(TestService.operation(service("web"), said));
        other.get();

        assertEquals(1, done.stream().filter("rpc.nfsd 0"::equals).count());
    }

    @Test
    void anNfsdThatDoesNotRunIsNotStarted() throws Exception {
        fake.threads(0);
        IOException e = assertThrows(IOException.class, () -> restart.join(TestService.operation(service("web"), said)));
        assertTrue(e.getMessage().contains("start nfs-server.service"), e.getMessage());
        assertEquals(List.of(), done);
    }

    @Test
    void whatAHelperLeftInTheMiddleIsFinished() throws Exception {
        fake.threads(0);
        Files.createDirectories(marker.resolve("sm"));
        Files.writeString(marker.resolve("threads"), "16");

        restart.finish();

        assertEquals(List.of("rpc.nfsd 16", "notified"), done);
        assertFalse(Files.exists(marker.resolve("threads")));
        done.clear();
        restart.finish();
        assertEquals(List.of(), done);
    }

    @Test
    void oneThatFailedIsFinishedLater() throws Exception {
        refused = "8";

        assertThrows(IOException.class, () -> restart.join(TestService.operation(service("web"), said)));

        assertEquals("8", Files.readString(marker.resolve("threads")));
        refused = "";
        restart.finish();
        assertTrue(done.contains("rpc.nfsd 8"), done.toString());
    }
}
