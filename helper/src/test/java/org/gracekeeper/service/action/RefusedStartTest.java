// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doNothing;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.spy;
import static org.mockito.Mockito.when;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Processes;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.notify.Notifications;
import org.gracekeeper.service.notify.NotifyLayer;
import org.gracekeeper.service.own.OwnProof;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.recovery.SnapshotLayer;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.shared.SharedProof;
import org.gracekeeper.service.shared.SharedStack;
import org.gracekeeper.service.shared.ShutdownOrder;
import org.gracekeeper.service.stack.ClaimLayer;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.Proof;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.standby.StandbyBasis;
import org.gracekeeper.service.standby.StandbyProbes;
import org.gracekeeper.service.standby.StandbyRecord;
import org.gracekeeper.service.standby.Standbys;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.Sharing;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.StatFs;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A service "copy" with the state directory of "web", which serves: its start is refused, and whoever takes it down leaves web alone. */
class RefusedStartTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final ServiceName COPY = new ServiceName("copy");
    private static final long GENERATION = 3;

    @TempDir
    private Path dir;

    private final Kernel kernel = LinuxKernel.load();
    private final DurableFiles files = new DurableFiles(kernel);
    private final Node node = new Node(kernel, (timeout, stdin, argv) -> new CommandResult(argv, 1, "", "", Duration.ZERO, false));
    private final Holdings holdings = mock(Holdings.class);
    private final HostResolver resolver = mock(HostResolver.class);
    private final List<String> said = new ArrayList<>();
    /** What is asked of the layers above the claim that are no matter here; all of them look well. */
    private final List<String> done = new ArrayList<>();
    private boolean upperFails;
    private StateDirectory state;
    private Registry registry;
    private Standbys standbys;
    private ServiceManager manager;

    private final class Upper implements UncheckedLayer {
        @Override
        public String name() {
            return "upper";
        }

        @Override
        public void up(Operation operation) throws IOException {
            done.add("up " + operation.instance().name());
            if (upperFails) {
                throw new IOException("no memory");
            }
        }

        @Override
        public void down(Operation operation) {
            done.add("down " + operation.instance().name());
        }
    }

    @BeforeEach
    void aManager() throws Exception {
        state = new StateDirectory(Files.createDirectory(dir.resolve("state")));
        registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("plans"), files);
        LedgerStore ledgers = new LedgerStore(files);
        PeerList peers = new PeerList(files);
        Kernel full = mock(Kernel.class);
        when(full.statfs(any())).thenReturn(new StatFs(0, false, 0));
        Reserve reserve = new Reserve(full, files);
        TimelineLog timeline = new TimelineLog(new TimelineStore(dir.resolve("timelines"), files), registry, node);
        ClaimLayer own = new ClaimLayer(node, registry, files, new OwnProof(registry, null, holdings, standbys), reserve, ledgers, timeline);
        ClaimLayer shared = new ClaimLayer(node, registry, files, new SharedProof(node, registry, null, holdings), reserve, ledgers, timeline);
        List<Layer> layers = List.of(own, new NotifyLayer(files, peers, new Notifications(dir.resolve("services"), files, kernel)),
                new SnapshotLayer(node, registry, null, null, new RecordsLayer(node, files), mock(Recovery.class), holdings, ledgers,
                        peers, reserve), new Upper());
        ClusterAttribute attribute = mock(ClusterAttribute.class);
        Stacks stacks = new Stacks(
                new OwnStack(registry, node, layers, null, null, null, null, null, null, null, null, attribute, timeline),
                new SharedStack(registry, node, List.of(shared, new Upper()), null, null, null, null, null, null,
                        mock(ShutdownOrder.class), attribute, timeline), null, null, null, null);
        when(resolver.resolve(any(), any(), any())).thenAnswer(call -> resolved(call.getArgument(0)));
        manager = new ServiceManager(Metadata.defaults(), registry, resolver, stacks, null,
                new EmergencyStop((timeout, stdin, argv) -> {
                    throw new AssertionError("the record can be read");
                }, mock(ServiceNamespaces.class), standbys), mock(LeaseGuard.class), null, new Sharing(kernel), new ServiceSlots(),
                new StandbyProbes());
        // Those of web's clients, which the proof must not take for the other's.
        doThrow(new IOException("9 locks of NFS clients are still held")).when(holdings).requireNone(any());
    }

    private RunningService resolved(ServiceConfig config) throws IOException {
        return new RunningService(config, "eth0", List.of(), List.of(), List.of(DeviceId.ofDevT(kernel.deviceOf(config.stateDir()))),
                90, 0, false, false, false, "");
    }

    private void webServes(String instance) throws Exception {
        Parameters parameters = parameters(state.root(), instance, "192.0.2.1/24");
        registry.save(resolved(ServiceConfig.of(WEB, parameters)).started(5).withOpened(), parameters);
        registry.counted(WEB, GENERATION);
        fill("web");
    }

    /** A state directory as a service leaves it, on a disk that is full. */
    private void fill(String service) throws Exception {
        for (Path each : List.of(state.nsm(), state.sm(), state.smBak(), state.notifyRoot().resolve("192.0.2.1/sm"))) {
            Files.createDirectories(each);
        }
        Files.writeString(state.sm().resolve("192.0.2.20"), "record");
        Files.writeString(state.notifyRoot().resolve("192.0.2.1/sm/192.0.2.21"), "has not answered yet");
        Files.writeString(state.reserve(), "room");
        new LedgerStore(files).write(state, new Ledger(service, GENERATION - 1, service, 90, 90, "", "", List.of(), List.of(),
                List.of()));
        Files.write(state.record(), new ObjectMapper().writeValueAsBytes(new Claim(
                1, service, service, node.hostname(), node.bootId(), GENERATION, 90, 90, false)));
    }

    private static Parameters parameters(Path stateDir, String instance, String address) throws Exception {
        return instance.equals("own") ? TestService.parameters(stateDir, "ip", address)
                : TestService.parameters(stateDir, "ip", address, "instance", "node", "grace", "none");
    }

    private ServiceManager.Call call(ServiceName name, Parameters parameters) {
        Map<String, String> environment = new HashMap<>();
        parameters.values().forEach((key, value) -> environment.put("OCF_RESKEY_" + key, value));
        return new ServiceManager.Call(name.value(), environment, Deadline.after(Duration.ofSeconds(30)), System.nanoTime(),
                (level, text) -> said.add(level + " " + text));
    }

    private ServiceManager.Call copy(String instance) throws Exception {
        return call(COPY, parameters(state.root(), instance, "192.0.2.2/24"));
    }

    /** As a helper leaves it that is killed when it has just told why the start is refused. */
    private void copyWasBeingStarted(String instance) throws Exception {
        Parameters parameters = parameters(state.root(), instance, "192.0.2.2/24");
        registry.begin(resolved(ServiceConfig.of(COPY, parameters)), parameters);
    }

    /** All that is below web's state directory: what is in it, and when it was written. */
    private Map<String, String> seen() throws IOException {
        Map<String, String> seen = new TreeMap<>();
        try (Stream<Path> all = Files.walk(state.root())) {
            for (Path each : all.toList()) {
                seen.put(each.toString(), Files.getLastModifiedTime(each) + " "
                        + (Files.isDirectory(each) ? "" : Arrays.hashCode(Files.readAllBytes(each))));
            }
        }
        return seen;
    }

    private void leftAlone(Map<String, String> before) throws IOException {
        assertEquals(before, seen());
        assertEquals(List.of(), done);
        assertFalse(registry.exists(COPY));
    }

    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void theStartTakesNothingOfAnothersDown(String instance) throws Exception {
        webServes(instance);
        Map<String, String> before = seen();

        OcfException e = assertThrows(OcfException.class, () -> manager.start(copy(instance)));

        assertTrue(e.getMessage().contains("is already used by service web"), e.getMessage());
        leftAlone(before);
        assertEquals(OcfCode.SUCCESS, manager.stop(copy(instance)));
        leftAlone(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void norDoesTheStopWhenTheHelperWasKilledInBetween(String instance) throws Exception {
        webServes(instance);
        Map<String, String> before = seen();
        copyWasBeingStarted(instance);

        assertEquals(OcfCode.SUCCESS, manager.stop(copy(instance)));

        leftAlone(before);
    }

    /** All layers but one look at what web has. */
    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void itIsNotTakenForRunningThen(String instance) throws Exception {
        webServes(instance);
        Map<String, String> before = seen();
        copyWasBeingStarted(instance);

        assertEquals(OcfCode.GENERIC, assertThrows(OcfException.class, () -> manager.monitor(copy(instance), false)).code());
        assertEquals(OcfCode.NOT_RUNNING, assertThrows(OcfException.class, () -> manager.reload(copy(instance))).code());
        OcfException e = assertThrows(OcfException.class, () -> manager.start(copy(instance)));

        assertTrue(e.getMessage().contains("is already used by service web"), e.getMessage());
        leftAlone(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {"own", "node"})
    void aDirectoryOfAServiceThatIsNotHereIsLeftAloneToo(String instance) throws Exception {
        fill("db");
        Map<String, String> before = seen();

        OcfException e = assertThrows(OcfException.class, () -> manager.start(copy(instance)));

        assertTrue(e.getMessage().contains("belongs to service db"), e.getMessage());
        leftAlone(before);
    }

    /** Its own is no other's, but nothing was done to it either. */
    @Test
    void itsOwnDirectoryIsAsTheLastStopLeftIt() throws Exception {
        webServes("own");
        Path own = Files.createDirectory(dir.resolve("own"));
        state = new StateDirectory(own);
        fill("copy");
        Map<String, String> before = seen();

        OcfException e = assertThrows(OcfException.class,
                () -> manager.start(call(COPY, parameters(own, "own", "192.0.2.1/24"))));

        assertTrue(e.getMessage().contains("is already an address of service web"), e.getMessage());
        leftAlone(before);
    }

    /** Of a start before, for example, of which somebody has removed the record. */
    @Test
    void theProofStillLooksForWhatBearsItsName() throws Exception {
        Proof proof = new OwnProof(registry, mock(Processes.class), holdings, standbys);
        copyWasBeingStarted("own");
        RunningService copy = spy(registry.load(COPY).orElseThrow());
        Instance instance = spy(new Instance(COPY));
        when(copy.instance()).thenReturn(instance);
        when(instance.netnsFile()).thenReturn(Files.createFile(dir.resolve("gk-copy")));

        IOException e = assertThrows(IOException.class, () -> proof.require(TestService.operation(copy, said)));

        assertTrue(e.getMessage().contains("gk-copy is still there"), e.getMessage());
    }

    /** A start that is refused has not come to its standby, and its stop leaves that. After the claim it is the service's. */
    @Test
    void whatWasPreparedForItIsNoReasonForTheStopToFail() throws Exception {
        Proof proof = new OwnProof(registry, mock(Processes.class), holdings, standbys);
        copyWasBeingStarted("own");
        RunningService copy = spy(registry.load(COPY).orElseThrow());
        Instance instance = spy(new Instance(COPY));
        when(copy.instance()).thenReturn(instance);
        when(instance.netnsFile()).thenReturn(Files.createFile(dir.resolve("gk-copy")));
        standbys.record(COPY, StandbyRecord.begun(new StandbyBasis(StandbyPlan.needed(copy), "l2", 2, 1500, "1f")));

        assertEquals("no namespace, no process left", proof.require(TestService.operation(copy, said)));

        registry.claim(COPY, others -> { });
        assertThrows(IOException.class, () -> proof.require(TestService.operation(copy, said)));
        standbys.adopt(COPY);
        assertThrows(IOException.class, () -> proof.require(TestService.operation(copy, said)));
    }

    @Test
    void aStartThatFailsLaterIsTakenDownAsAWhole() throws Exception {
        upperFails = true;
        doNothing().when(holdings).requireNone(any());

        IOException e = assertThrows(IOException.class, () -> manager.start(copy("own")));

        assertEquals("no memory", e.getMessage());
        assertEquals(List.of("up copy", "down copy"), done);
        assertTrue(ClaimStore.read(state).clean());
        assertFalse(registry.exists(COPY));
    }

    @Test
    void aServiceThatServedIsStoppedAsAWhole() throws Exception {
        webServes("own");
        copyWasBeingStarted("own");
        ServiceManager.Call web = call(WEB, parameters(state.root(), "own", "192.0.2.1/24"));
        assertThrows(OcfException.class, () -> manager.stop(web), "its clients' locks are its own");
        doNothing().when(holdings).requireNone(any());
        done.clear();

        assertEquals(OcfCode.SUCCESS, manager.stop(web));

        assertEquals(List.of("down web"), done);
        assertTrue(ClaimStore.read(state).clean());
        assertFalse(Files.exists(state.notifyRoot()));
        assertEquals("record", Files.readString(state.nsm().resolve("192.0.2.20")));
        assertEquals(Optional.empty(), registry.load(WEB));
    }
}
