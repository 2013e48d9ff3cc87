// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.daemons.DaemonUnits;
import org.gracekeeper.service.daemons.DaemonsLayer;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StandbyTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final ServiceNamespaces.Numbers NUMBERS = new ServiceNamespaces.Numbers(11, 12);

    @TempDir
    private Path dir;

    private final Node node = mock(Node.class);
    private final StandbySite site = mock(StandbySite.class);
    private final StandbyCheck check = mock(StandbyCheck.class);
    private final ServiceNamespaces namespaces = mock(ServiceNamespaces.class);
    private final MountNamespace mounts = mock(MountNamespace.class);
    private final ServiceLink link = mock(ServiceLink.class);
    private final Firewall firewall = mock(Firewall.class);
    private final DaemonUnits units = mock(DaemonUnits.class);
    private final DaemonsLayer daemons = mock(DaemonsLayer.class);
    private final ServiceSlots slots = new ServiceSlots();
    /** In order, what is made and taken down; namespaces that are there. */
    private final List<String> done = new ArrayList<>();
    private final List<String> said = new ArrayList<>();
    private boolean any;
    private Standbys standbys;
    private Registry registry;
    private Standby standby;

    @BeforeEach
    void aNode() throws Exception {
        DurableFiles files = new DurableFiles(LinuxKernel.load());
        standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("plans"), files);
        registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(site.basis(any())).thenAnswer(call -> basis(call.getArgument(0)));
        when(namespaces.numbers(any())).thenReturn(NUMBERS);
        when(namespaces.any(any())).thenAnswer(call -> any);
        when(link.index(any())).thenReturn(2);
        when(check.problem(any(), any())).thenReturn(Optional.empty());
        when(check.unseen(any())).thenReturn(Optional.empty());
        doAnswer(call -> there(call.getArgument(0), "namespaces", true)).when(namespaces).make(any(), any());
        doAnswer(call -> done.add("strays")).when(mounts).detachStrays();
        doAnswer(call -> done.add("own")).when(mounts).mountOwn();
        doAnswer(call -> done.add("link")).when(link).make(any(), any());
        doAnswer(call -> done.add("firewall " + call.getArgument(1))).when(firewall).prepare(any(), anyBoolean(), any());
        doAnswer(call -> done.add("rpcbind")).when(units).requestStart(any(), eq(List.of("rpcbind")), any());
        doAnswer(call -> done.add(Thread.currentThread().isInterrupted() ? "interrupted" : "end"))
                .when(daemons).down(any(Instance.class), any());
        doAnswer(call -> done.add("unlink")).when(link).remove(any());
        doAnswer(call -> there(call.getArgument(0), "remove", false)).when(namespaces).remove(any());
        standby = new Standby(node, standbys, site, check, namespaces, mounts, link, firewall, units, daemons, slots);
    }

    /** Even the first step is on record before it is done, and the last until it is. */
    private Object there(Instance instance, String step, boolean isThere) {
        assertTrue(standbys.stands(instance.name()));
        any = isThere;
        return done.add(step);
    }

    private static StandbyBasis basis(StandbyPlan plan) {
        return new StandbyBasis(plan, plan.linkType().mode(), 2, 1500, "1f");
    }

    private static StandbyPlan plan(LinkType type, boolean v3) {
        return new StandbyPlan(StandbyPlan.FORMAT, "eth0", type, v3);
    }

    private void prepare() throws Exception {
        standby.prepare(WEB, plan(LinkType.IPVLAN, true), Deadline.after(Duration.ofSeconds(30)));
    }

    private Operation start(String... parameters) throws Exception {
        Parameters all = TestService.parameters(dir, parameters);
        RunningService service = TestService.of("web", all);
        registry.begin(service, all);
        return TestService.operation(service, said);
    }

    @Test
    void nothingOfTheStorageAndNoAddressIsInIt() throws Exception {
        prepare();
        assertEquals(List.of("namespaces", "strays", "own", "link", "firewall true", "rpcbind"), done);
        assertEquals(Optional.of(StandbyRecord.begun(basis(plan(LinkType.IPVLAN, true))).complete(NUMBERS, 2)), standbys.record(WEB));
    }

    @Test
    void withoutNfsV3ItHasNoRpcbind() throws Exception {
        standby.prepare(WEB, plan(LinkType.IPVLAN, false), Deadline.after(Duration.ofSeconds(30)));
        assertEquals(List.of("namespaces", "strays", "own", "link", "firewall false"), done);
    }

    /** Of a service that lost its record, for example: whose they are is not known. */
    @Test
    void namespacesOfItsNameAreLeftAlone() throws Exception {
        any = true;
        assertTrue(assertThrows(IOException.class, this::prepare).getMessage().contains("there are namespaces of its name"));
        assertEquals(List.of(), done);
        assertFalse(standbys.stands(WEB));
    }

    @ParameterizedTest
    @ValueSource(strings = {"site", "namespaces", "strays", "own", "link", "firewall", "rpcbind", "index"})
    void whereAStepFailsNothingIsLeft(String step) throws Exception {
        IOException failure = new IOException(step);
        fail(step, failure);
        assertSame(failure, assertThrows(IOException.class, this::prepare));
        assertFalse(standbys.stands(WEB));
        if (!step.equals("site")) {
            assertEquals(List.of("end", "unlink", "remove"), done.subList(done.size() - 3, done.size()));
        }
        assertFalse(any);
    }

    private void fail(String step, Throwable failure) throws Exception {
        switch (step) {
            case "site" -> doThrow(failure).when(site).basis(any());
            case "namespaces" -> doThrow(failure).when(namespaces).make(any(), any());
            case "strays" -> doThrow(failure).when(mounts).detachStrays();
            case "own" -> doThrow(failure).when(mounts).mountOwn();
            case "link" -> doThrow(failure).when(link).make(any(), any());
            case "firewall" -> doThrow(failure).when(firewall).prepare(any(), anyBoolean(), any());
            case "rpcbind" -> doThrow(failure).when(units).requestStart(any(), any(), any());
            default -> doThrow(failure).when(link).index(any());
        }
    }

    /** The stop that interrupts waits for the slot: what was made is undone first, without another interrupt. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anInterruptUndoesItToo(boolean inACommand) throws Exception {
        doAnswer(call -> {
            if (inACommand) {
                Thread.currentThread().interrupt(); // as ExecCommands does
                throw new InterruptedIOException("ip: interrupted");
            }
            throw new InterruptedException();
        }).when(link).make(any(), any());
        Class<? extends Exception> kind = inACommand ? InterruptedIOException.class : InterruptedException.class;
        assertThrows(kind, this::prepare);
        assertTrue(Thread.interrupted());
        assertEquals(List.of("namespaces", "strays", "own", "end", "unlink", "remove"), done);
        assertFalse(standbys.stands(WEB));
    }

    @Test
    void whatCannotBeUndoneIsStillOnRecord() throws Exception {
        fail("link", new IOException("no"));
        doThrow(new IOException("busy")).when(namespaces).remove(any());
        IOException e = assertThrows(IOException.class, this::prepare);
        assertEquals("no", e.getMessage());
        assertEquals("busy", e.getSuppressed()[0].getMessage());
        assertTrue(standbys.stands(WEB));
        assertFalse(standbys.record(WEB).orElseThrow().isComplete());
    }

    @ParameterizedTest
    @ValueSource(strings = {"end", "unlink"})
    void aDropGoesOnPastEveryError(String step) throws Exception {
        prepare();
        done.clear();
        if (step.equals("end")) {
            doThrow(new IllegalStateException(step)).when(daemons).down(any(Instance.class), any());
        } else {
            doThrow(new IOException(step)).when(link).remove(any());
        }
        IOException e = assertThrows(IOException.class, () -> standby.drop(WEB, Deadline.after(Duration.ofSeconds(1))));
        assertTrue(e.getMessage().contains(step));
        assertEquals("remove", done.get(done.size() - 1));
        assertFalse(standbys.stands(WEB));
    }

    @Test
    void aStartTakesItOver() throws Exception {
        prepare();
        done.clear();
        Operation start = start();
        assertTrue(standby.adopt(start));
        assertEquals(List.of(), done);
        assertFalse(standbys.stands(WEB));
        assertTrue(standby.isAdopted(start.instance()));
        assertEquals(List.of(), said);
    }

    @Test
    void whereThereIsNoneNothingIsDone() throws Exception {
        Operation start = start();
        assertFalse(standby.adopt(start));
        assertFalse(standby.isAdopted(start.instance()));
        assertEquals(List.of(), done);
    }

    @ParameterizedTest
    @ValueSource(strings = {"problem", "unseen", "fails", "broken"})
    void oneThatDoesNotFitIsTakenDownAsAWhole(String why) throws Exception {
        prepare();
        done.clear();
        switch (why) {
            case "problem" -> when(check.problem(any(), any())).thenReturn(Optional.of("it is on device eth9, not on eth0"));
            case "unseen" -> when(check.unseen(any())).thenReturn(Optional.of("another directory"));
            case "fails" -> when(check.problem(any(), any())).thenThrow(new IOException("no such device"));
            default -> when(check.problem(any(), any())).thenThrow(new NumberFormatException("x"));
        }
        Operation start = start();
        assertFalse(standby.adopt(start));
        assertEquals(List.of("end", "unlink", "remove"), done);
        assertFalse(standbys.stands(WEB) || standby.isAdopted(start.instance()));
        assertTrue(said.get(0).startsWith("what was prepared for it is not used: "), said.toString());
    }

    @Test
    void itIsAskedForWhatTheStartNeeds() throws Exception {
        prepare();
        standby.adopt(start("link_type", "macvlan", "versions", "4.2", "warm_standby", "no"));
        verify(check).problem(WEB, plan(LinkType.MACVLAN, false));
    }

    /** The start tries to make its own, and fails by that or not. */
    @Test
    void oneThatCannotBeTakenDownIsNoFailureOfItself() throws Exception {
        prepare();
        when(check.problem(any(), any())).thenReturn(Optional.of("x"));
        doThrow(new IOException("busy")).when(namespaces).remove(any());
        assertFalse(standby.adopt(start()));
        assertTrue(said.get(1).endsWith("cannot be taken down: busy"), said.toString());
    }

    private void prepared(String name, String parent, LinkType type) throws Exception {
        standbys.record(new ServiceName(name), StandbyRecord.begun(
                basis(new StandbyPlan(StandbyPlan.FORMAT, parent, type, true))).complete(NUMBERS, 2));
    }

    @Test
    void standbysOfTheOtherKindMakeRoomOnTheSameDevice() throws Exception {
        prepared("other", "eth0", LinkType.MACVLAN);
        prepared("elsewhere", "eth1", LinkType.MACVLAN);
        prepared("same", "eth0", LinkType.IPVLAN);
        standby.makeRoom(start());
        assertEquals(List.of("elsewhere", "same"), standbys.standing().stream().map(ServiceName::value).toList());
        assertEquals(1, said.size());
    }

    /** Of two starts, each with a standby that is in the other's way, neither waits for the other for long. */
    @Test
    void oneWhoseServiceIsBusyIsLeftToTheKernel() throws Exception {
        prepared("other", "eth0", LinkType.MACVLAN);
        CountDownLatch taken = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Thread start = new Thread(() -> {
            try {
                slots.whileIdle(new ServiceName("other"), () -> {
                    taken.countDown();
                    end.await();
                });
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        start.start();
        taken.await();
        Operation mine = start();
        standby.makeRoom(new Operation(mine.service(), Deadline.after(Duration.ofMillis(300)), 0, mine.log()));
        assertTrue(standbys.stands(new ServiceName("other")));
        end.countDown();
        start.join();
        standby.makeRoom(mine);
        assertFalse(standbys.stands(new ServiceName("other")));
    }

    @Test
    void aNamespaceIsMadeOnceOnly() throws Exception {
        prepare();
        assertEquals(1, done.stream().filter("namespaces"::equals).count());
        assertThrows(IOException.class, this::prepare);
        assertEquals(Arrays.asList("namespaces", "strays", "own", "link", "firewall true", "rpcbind"), done);
    }
}
