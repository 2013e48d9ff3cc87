// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.mockito.AdditionalAnswers;

class NodeLockdTest {
    @TempDir
    private Path dir;

    private Path saved;
    private Kernel kernel;

    @BeforeEach
    void sysctlsOfANode() throws IOException {
        kernel = mock(Kernel.class, AdditionalAnswers.delegatesTo(LinuxKernel.load()));
        // A sysctl has the last value that was written, a file would keep the rest of a longer one.
        doAnswer(call -> Files.write(call.getArgument(0), call.<byte[]>getArgument(1)))
                .when(kernel).writeOnce(any(), any());
        saved = dir.resolve("saved");
        set("nlm_grace_period", 0);
        set("nlm_timeout", 10);
        set("nlm_tcpport", 0);
        set("nlm_udpport", 32769);
    }

    private void set(String name, int value) throws IOException {
        Files.writeString(dir.resolve(name), value + "\n");
    }

    private int get(String name) throws IOException {
        return Integer.parseInt(Files.readString(dir.resolve(name)).strip());
    }

    private NodeLockd lockd() {
        return new NodeLockd(new LockdFs(kernel, dir, dir), new DurableFiles(kernel), saved);
    }

    private void isAsBefore() throws IOException {
        assertEquals(0, get("nlm_grace_period"));
        assertEquals(0, get("nlm_tcpport"));
        assertEquals(32769, get("nlm_udpport"));
        assertFalse(Files.exists(saved));
    }

    private static RunningService service(int graceTime, String... more) throws Exception {
        List<String> parameters = new ArrayList<>(List.of(
                "lease_time", "10", "grace_time", Integer.toString(graceTime)));
        parameters.addAll(List.of(more));
        return TestService.at(Path.of("/srv/a/state"), parameters.toArray(String[]::new));
    }

    @Test
    void theNodesSettingsAreBackAfterAStart() throws Exception {
        lockd().whileSet(service(30), graceTime -> {
            assertEquals(30, graceTime);
            assertEquals(30, get("nlm_grace_period"));
            assertEquals(NodeLockd.PORT, get("nlm_tcpport"));
        });
        isAsBefore();
    }

    @Test
    void theyAreBackAfterAStartThatFailed() throws Exception {
        RunningService service = service(30);
        assertThrows(IOException.class, () -> lockd().whileSet(service, graceTime -> {
            throw new IOException("no threads");
        }));
        isAsBefore();
    }

    /** lockd's is what the kernel makes of its setting. */
    @ParameterizedTest
    @CsvSource({"10,30", "10,31", "10,240", "3,10", "7,10", "7,240", "19,239", "20,10", "20,21"})
    void bothGracePeriodsAreEquallyLongAndNotShorterThanConfigured(int timeout, int graceTime) throws Exception {
        set("nlm_timeout", timeout);
        lockd().whileSet(service(graceTime), given -> {
            assertEquals(lockdsGrace(get("nlm_grace_period"), timeout), given);
            assertTrue(given >= graceTime);
        });
    }

    /** A lock can be stolen where NLM grace outlasts NFSv4's: never, whatever times are allowed and lockd's unit is. */
    @Test
    void noAllowedGraceTimeMakesNlmGraceTheLongerOne() {
        for (int timeout = 3; timeout <= 20; timeout++) { // fs/lockd/svc.c, nlm_timeout_min and _max
            for (int graceTime = 10; graceTime <= 240; graceTime++) { // ServiceConfig's bounds with NFSv3
                int given = NodeLockd.graceTime(graceTime, timeout);
                assertTrue(lockdsGrace(graceTime, timeout) <= given && given >= graceTime,
                        "nlm_timeout " + timeout + ", grace_time " + graceTime + ": " + given);
            }
        }
    }

    /** fs/lockd/svc.c, get_lockd_grace_period. */
    private static int lockdsGrace(int period, int timeout) {
        return (period + timeout - 1) / timeout * timeout;
    }

    @Test
    void withoutNlmTheTimeIsAsConfigured() throws Exception {
        lockd().whileSet(service(301, "versions", "4.1 4.2"), given -> assertEquals(301, given));
    }

    @Test
    void twoStartsAtOnceDoNotSeeEachOthersSettings() throws Exception {
        NodeLockd lockd = lockd();
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            List<Callable<Void>> starts = new ArrayList<>();
            for (int graceTime : new int[] {30, 60}) {
                RunningService service = service(graceTime);
                starts.add(() -> {
                    for (int i = 0; i < 20; i++) {
                        lockd.whileSet(service, given -> {
                            assertEquals(graceTime, given);
                            assertEquals(graceTime, get("nlm_grace_period"));
                            Thread.sleep(2);
                            assertEquals(graceTime, get("nlm_grace_period"));
                        });
                    }
                    return null;
                });
            }
            for (Future<Void> each : threads.invokeAll(starts)) {
                each.get();
            }
        } finally {
            threads.shutdown();
        }
        isAsBefore();
    }

    /** It was killed between its two writes, or while nfsd started; the next one may start a service at once. */
    @Test
    void whatAHelperThatWasKilledLeftIsNotTakenForTheNodesOwn() throws Exception {
        CountDownLatch set = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        NodeLockd killed = lockd();
        RunningService service = service(30);
        Thread start = new Thread(() -> assertDoesNotThrow(() -> killed.whileSet(service, given -> {
            set.countDown();
            over.await();
        })));
        start.start();
        set.await();
        try {
            assertEquals(30, get("nlm_grace_period"));
            lockd().whileSet(service(60), given -> assertEquals(60, get("nlm_grace_period")));
            isAsBefore();
        } finally {
            over.countDown();
            start.join();
        }
    }

    @Test
    void aHelperStartedAfterOneThatWasKilledRestoresThem() throws Exception {
        Files.writeString(saved, "{\"gracePeriod\":7,\"tcpPort\":0,\"udpPort\":32769}");
        set("nlm_grace_period", 90);
        lockd().restore();
        assertEquals(7, get("nlm_grace_period"));
        assertFalse(Files.exists(saved));
    }
}
