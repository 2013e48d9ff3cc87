// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.spy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegistryTest {
    private static final int TIMES = 100;

    @TempDir
    private Path dir;

    private RunningService service;
    private ServiceName name;
    private Registry registry;

    @BeforeEach
    void aServiceThatServes() throws Exception {
        service = TestService.at(dir).started(5).withOpened();
        name = service.config().name();
        registry = new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        registry.save(service, TestService.parameters(dir));
    }

    @Test
    void noChangeIsLostToAnother() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            Callable<Void> counter = () -> {
                for (int i = 0; i < TIMES; i++) {
                    registry.update(name, s -> s.started(s.startedAt() + 1));
                }
                return null;
            };
            for (Future<Void> each : threads.invokeAll(List.of(counter, counter))) {
                each.get();
            }
        } finally {
            threads.shutdown();
        }
        assertEquals(5 + 2 * TIMES, registry.load(name).orElseThrow().startedAt());
    }

    @Test
    void anotherConfigurationLeavesHowFarTheServiceHasCome() throws Exception {
        registry.update(name, RunningService::withRecovered);
        registry.update(name, RunningService::withStopping);

        // What reload was called for was looked up before both.
        registry.update(name, s -> s.with(service.config(), List.of()), TestService.parameters(dir), others -> { });

        RunningService now = registry.load(name).orElseThrow();
        assertTrue(now.recovered());
        assertTrue(now.stopping());
    }

    /** An editor's copy, or what somebody else left there, keeps no service from its start. */
    @Test
    void whatIsNoServicesDirectoryIsNobodys() throws Exception {
        Path services = dir.resolve("services");
        Files.createFile(services.resolve("service.json~"));
        Files.createFile(services.resolve("plain-file"));
        Files.createDirectory(services.resolve("-odd name"));

        assertEquals(List.of(name), registry.names());
        assertEquals(1, registry.others(null).size());
    }

    @Test
    void theRoutesAreKept() throws Exception {
        List<String> routes = List.of("route replace default via 192.0.2.254 dev svc0 onlink", "route replace fd00::/8 dev svc0");
        registry.save(new RunningService(service.config(), "eth0", routes, List.of(), List.of(), 90, 5, true, false, false, ""),
                TestService.parameters(dir));
        registry.update(name, s -> s.withRecovered().withStopping().with(service.config(), List.of()).notStarted());
        assertEquals(routes, registry.load(name).orElseThrow().routes());
        registry.update(name, s -> s.withRoutes(List.of()));
        assertEquals(List.of(), registry.load(name).orElseThrow().routes());
    }

    @Test
    void anOlderVersionsRecordHasNoRoutes() throws Exception {
        Path record = dir.resolve("services").resolve(name.value()).resolve("service.json");
        String text = Files.readString(record);
        Files.writeString(record, text.replaceFirst(" *\"routes\" : .*\n", ""));
        assertFalse(Files.readString(record).equals(text));
        assertEquals(List.of(), registry.load(name).orElseThrow().routes());
    }

    @Test
    void parametersThatAreTakenOverAreNotRefusedAnyMore() throws Exception {
        registry.update(name, s -> s.withRefused("no such client"));
        assertEquals("no such client", registry.load(name).orElseThrow().refused());
        registry.update(name, s -> s.withRecovered().withStopping());
        assertEquals("no such client", registry.load(name).orElseThrow().refused());
        registry.update(name, s -> s.with(service.config(), List.of()), TestService.parameters(dir), others -> { });
        assertEquals("", registry.load(name).orElseThrow().refused());
    }

    @Test
    void aNewerVersionsRecordMayHaveMore() throws Exception {
        Path record = dir.resolve("services").resolve(name.value()).resolve("service.json");
        Files.writeString(record, Files.readString(record).replaceFirst("\\{", "{ \"later\" : [ 1 ],"));
        assertEquals(5, registry.load(name).orElseThrow().startedAt());
    }

    @Test
    void aRecordIsReadAgainOnlyAfterAChange() throws Exception {
        RunningService before = registry.load(name).orElseThrow();
        assertSame(before, registry.load(name).orElseThrow());
        // Another helper of this node's, before this one was started anew.
        new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults())
                .update(name, RunningService::withRecovered);
        assertTrue(registry.load(name).orElseThrow().recovered());
        assertFalse(before.recovered());
        registry.remove(name);
        assertEquals(Optional.empty(), registry.load(name));
    }

    private RunningService begin(String other, String... more) throws Exception {
        Parameters parameters = TestService.parameters(dir, more);
        RunningService begun = TestService.of(other, parameters);
        registry.begin(begun, parameters);
        return begun;
    }

    @Test
    void aServiceCountsFromItsClaimOn() throws Exception {
        ServiceName other = begin("db").config().name();
        assertTrue(registry.load(other).isPresent());
        assertFalse(registry.isClaimed(other));
        assertEquals(List.of(service), registry.others(null));

        registry.update(other, RunningService::withStopping);
        assertFalse(registry.isClaimed(other), "no change is a claim");
        assertThrows(OcfException.class, () -> registry.claim(other, others -> {
            assertEquals(List.of(service), others);
            throw new OcfException(OcfCode.ARGS, "web has it");
        }));
        assertFalse(registry.isClaimed(other));

        registry.claim(other, others -> { });
        assertTrue(registry.isClaimed(other));
        assertEquals(2, registry.others(null).size());
        registry.remove(other);
        assertFalse(registry.isClaimed(other));
        assertThrows(IOException.class, () -> registry.claim(other, others -> { }), "a stop was quicker");
    }

    @Test
    void aStartIsRecordedUntilItsEnd() throws Exception {
        ServiceName other = begin("db").config().name();
        Path incomplete = dir.resolve("services/db/incomplete");
        registry.claim(other, others -> { });
        registry.update(other, s -> s.started(6).withOpened());
        assertTrue(Files.exists(incomplete), "the emergency monitor knows it");
        assertFalse(registry.isComplete(other));

        registry.complete(other);
        assertTrue(registry.isComplete(other));

        registry.update(other, RunningService::withStopping);
        registry.beginAnew(other);
        assertTrue(Files.exists(incomplete));
        assertTrue(registry.isClaimed(other));
        assertFalse(registry.load(other).orElseThrow().stopping());
        assertTrue(registry.isComplete(name), "an older version's record has no word of it");
    }

    /** The helper may be killed after any step of it: what is left must not say that the service has what its parameters name. */
    @Test
    void aRemovalThatIsCutShortLeavesNoClaimBehind() throws Exception {
        Path directory = dir.resolve("services/db");
        for (int steps = 0; steps < 3 * TIMES; steps++) {
            DurableFiles files = spy(new DurableFiles(LinuxKernel.load()));
            AtomicInteger left = new AtomicInteger(steps);
            doAnswer(call -> {
                if (left.getAndDecrement() <= 0) {
                    throw new IOException("killed");
                }
                return call.callRealMethod();
            }).when(files).deleteTree(any());
            ServiceName other = begin("db", "instance", "node", "grace", "none").config().name();
            registry.leave(other, List.of());
            try {
                new Registry(dir.resolve("services"), files, Metadata.defaults()).remove(other);
                assertTrue(steps > 5, "it has that many files");
                assertFalse(Files.exists(directory));
                return;
            } catch (IOException e) {
                for (String mark : List.of("unclaimed", "closed", "foreign")) {
                    assertTrue(Files.exists(directory.resolve(mark)), mark + " after " + steps + " steps");
                }
            }
        }
        throw new AssertionError("it never ends");
    }

    /** An older version's: there was no claim to be made. */
    @Test
    void aRecordWithoutAWordOfItHasItsClaim() throws Exception {
        assertTrue(registry.isClaimed(name));
        Files.createDirectories(dir.resolve("services/half"));
        assertThrows(IOException.class, () -> registry.others(name), "what it has is not known");
        Files.createFile(dir.resolve("services/half/unclaimed"));
        assertEquals(List.of(), registry.others(name));
    }

    @Test
    void theEmergencyStopKnowsWhetherClientsMayHaveCome() throws Exception {
        ServiceName other = begin("db", "instance", "node", "grace", "none").config().name();
        Path closed = dir.resolve("services/db/closed");
        assertTrue(Files.exists(closed));
        registry.update(other, s -> s.started(6));
        assertTrue(Files.exists(closed));
        registry.update(other, RunningService::withOpened);
        assertFalse(Files.exists(closed));
        registry.update(other, RunningService::withStopping);
        assertFalse(Files.exists(closed));
        assertFalse(Files.exists(dir.resolve("services/web/closed")));
    }

    /** As /proc/locks has them, since no path says where an unmounted one is. */
    @Test
    void theEmergencyStopKnowsTheFileSystems() throws Exception {
        List<DeviceId> devices = List.of(new DeviceId(8, 16), new DeviceId(254, 10));

        registry.save(TestService.exporting(service, devices, dir), TestService.parameters(dir));

        assertEquals(List.of("08:10", "fe:0a"), Files.readAllLines(dir.resolve("services/web/devices")));
    }

    @Test
    void aChangeDoesNotBringBackWhatWasRemoved() throws Exception {
        registry.remove(name);

        assertThrows(IOException.class, () -> registry.update(name, UnaryOperator.identity()));

        assertFalse(registry.exists(name));
    }
}
