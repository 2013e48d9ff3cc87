// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.daemons.DaemonUnits;
import org.gracekeeper.service.daemons.HealthProbe;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.own.RpcbindLayer;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecoveryWatch;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.shared.SharedStack;
import org.gracekeeper.service.shared.ShutdownOrder;
import org.gracekeeper.service.stack.ClaimLayer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.Proof;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.standby.Standby;
import org.gracekeeper.service.standby.StandbyProbes;
import org.gracekeeper.service.standby.Standbys;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A service "web" of which everything is there that can be looked at, and whose helper was killed in the middle of something. */
class CutShortStartTest {
    private static final ServiceName WEB = new ServiceName("web");

    @TempDir
    private Path dir;

    private final Kernel kernel = LinuxKernel.load();
    private final RecoveryWatch watch = mock(RecoveryWatch.class);
    private final List<String> said = new ArrayList<>();
    /** What is asked of the layer that cannot be looked at, each with whether the start had ended by then. */
    private final List<String> done = new ArrayList<>();
    private Path state;
    private Registry registry;
    private OwnStack own;
    private ServiceManager manager;

    private final class Last implements UncheckedLayer {
        @Override
        public String name() {
            return "last";
        }

        @Override
        public void up(Operation operation) {
            done.add("up " + registry.isComplete(operation.instance().name()));
        }

        @Override
        public void down(Operation operation) {
            done.add("down");
        }

        @Override
        public void tend(Operation operation) {
            done.add("tend");
        }
    }

    @BeforeEach
    void aManager() throws Exception {
        state = Files.createDirectory(dir.resolve("state"));
        DurableFiles files = new DurableFiles(kernel);
        registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        Node node = new Node(kernel, (timeout, stdin, argv) -> new CommandResult(argv, 1, "", "", Duration.ZERO, false));
        TimelineLog timeline = mock(TimelineLog.class);
        // It is the layers' work that is of interest, not how long it takes.
        doAnswer(call -> {
            call.<TimelineLog.Work<?>>getArgument(3).run();
            return null;
        }).when(timeline).timed(any(), any(), any(), any());
        Proof proof = mock(Proof.class);
        ClaimLayer claim = new ClaimLayer(node, registry, files, proof, mock(Reserve.class), new LedgerStore(files), timeline);
        RpcbindLayer rpcbind = new RpcbindLayer(mock(DaemonUnits.class), mock(HealthProbe.class), mock(Standby.class));
        ClusterAttribute attribute = mock(ClusterAttribute.class);
        own = new OwnStack(registry, node, List.of(claim, rpcbind, new Last()), rpcbind, mock(Holdings.class), null, null, null, null,
                null, watch, attribute, timeline);
        SharedStack shared = new SharedStack(registry, node, List.of(claim, new Last()), null, null, null, null, null, null,
                mock(ShutdownOrder.class), attribute, timeline);
        HostResolver resolver = mock(HostResolver.class);
        when(resolver.resolve(any(), any(), any())).thenAnswer(call -> resolved(call.getArgument(0)));
        when(resolver.routes(any())).thenReturn(List.of());
        EmergencyStop emergency = new EmergencyStop((timeout, stdin, argv) -> {
            files.deleteTree(dir.resolve("services/web"));
            done.add("emergency stop");
            return new CommandResult(argv, 0, "0\ninfo stopped\n", "", Duration.ZERO, false);
        }, mock(ServiceNamespaces.class), mock(Standbys.class));
        manager = new ServiceManager(Metadata.defaults(), registry, resolver, new Stacks(own, shared, null, null, null, null), null,
                emergency, mock(LeaseGuard.class), null, null, new ServiceSlots(),
                new StandbyProbes());
    }

    private static RunningService resolved(ServiceConfig config) {
        return new RunningService(config, "eth0", List.of(), List.of(), List.of(), 90, 0, false, false, false, "");
    }

    private Parameters parameters(String instance, String... more) throws Exception {
        List<String> all = new ArrayList<>(List.of(more));
        if (instance.equals("node")) {
            all.addAll(List.of("instance", "node", "grace", "none"));
        }
        return TestService.parameters(state, all.toArray(String[]::new));
    }

    private ServiceManager.Call call(Parameters parameters) {
        Map<String, String> environment = new HashMap<>();
        parameters.values().forEach((key, value) -> environment.put("OCF_RESKEY_" + key, value));
        return new ServiceManager.Call("web", environment, Deadline.after(Duration.ofSeconds(30)), System.nanoTime(),
                (level, text) -> said.add(text));
    }

    private OcfCode start(String instance, String... more) throws Exception {
        return manager.start(call(parameters(instance, more)));
    }

    private OcfCode monitor() throws Exception {
        return manager.monitor(call(parameters("own")), false);
    }

    /** Clients can come already, and nobody has told them. */
    private void killedBeforeTheLastLayer(String instance) throws Exception {
        Parameters parameters = parameters(instance);
        RunningService begun = resolved(ServiceConfig.of(WEB, parameters));
        registry.begin(begun, parameters);
        new ClaimLayer(new Node(kernel, null), registry, new DurableFiles(kernel), null, mock(Reserve.class),
                new LedgerStore(new DurableFiles(kernel)), mock(TimelineLog.class)).up(TestService.operation(begun, said));
        registry.update(WEB, service -> service.started(5).withOpened());
    }

    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void theMonitorDoesNotSayThatAllIsWell(String instance) throws Exception {
        killedBeforeTheLastLayer(instance);

        OcfException e = assertThrows(OcfException.class, this::monitor);

        assertEquals(OcfCode.GENERIC, e.code());
        assertTrue(e.getMessage().contains("its start goes on, or was cut short"), e.getMessage());
        assertEquals(List.of(), done, "nor is it tended");
    }

    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void theNextStartMakesWhatIsMissing(String instance) throws Exception {
        killedBeforeTheLastLayer(instance);

        assertEquals(OcfCode.SUCCESS, start(instance));

        assertEquals(List.of("down", "up false"), done);
        registry.update(WEB, RunningService::withOpened);
        assertEquals(OcfCode.SUCCESS, monitor());
        done.clear();
        assertEquals(OcfCode.SUCCESS, start(instance));
        assertEquals(List.of("tend"), done, "it runs");
    }

    /** A helper that is killed before it has recorded what it is about to start. */
    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void aStartThatHadNotYetSaidWhatItStartsIsBegunAnew(String instance) throws Exception {
        Files.createFile(Files.createDirectories(dir.resolve("services/web")).resolve("unclaimed"));

        assertEquals(OcfCode.SUCCESS, start(instance));

        assertEquals(List.of("emergency stop", "up false"), done);
    }

    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void aStopThatWasCutShortIsNotTakenForAServiceEither(String instance) throws Exception {
        start(instance);
        registry.update(WEB, service -> service.withOpened().withStopping());
        done.clear();

        assertEquals("service web: its stop goes on, or was cut short",
                assertThrows(OcfException.class, this::monitor).getMessage());
        assertEquals(OcfCode.SUCCESS, start(instance));

        assertEquals(List.of("down", "up false"), done);
    }

    @Test
    void norIsANewGracePeriod() throws Exception {
        start("own");
        registry.update(WEB, RunningService::withOpened);
        done.clear();

        manager.startGrace(call(parameters("own")));

        assertEquals(List.of("down", "up false"), done);
        assertEquals(OcfCode.SUCCESS, monitor(), "it has come to its end");
    }

    /** Its end would have hosts forgotten that nobody has notified. */
    @Test
    void theRecoveryOfSuchAStartIsNotWatched() throws Exception {
        killedBeforeTheLastLayer("own");
        own.resume(registry.load(WEB).orElseThrow());
        verify(watch, never()).begin(any());
        registry.complete(WEB);
        own.resume(registry.load(WEB).orElseThrow());
        verify(watch).begin(WEB);
    }

    @Test
    void aStartThatWaitsForRecoveryDoesSoWhenItIsRepeated() throws Exception {
        killedBeforeTheLastLayer("own");
        registry.complete(WEB);

        assertEquals(OcfCode.SUCCESS, start("own", "wait_for_recovery", "yes"));

        assertTrue(said.contains("already running"), said.toString());
        verify(watch).await(any(), any());
    }

    @Test
    void aStartThatAStopWasQuickerThanDoesNotEndWell() throws Exception {
        assertThrows(IOException.class, () -> registry.complete(WEB));
        assertThrows(IOException.class, () -> registry.beginAnew(WEB));
        assertFalse(registry.isComplete(WEB));
    }
}
