// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.NfsServerUnit;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.InOrder;

class SharedServerLayerTest {
    private final Node node = mock(Node.class);
    private final NfsdFs nfsd = mock(NfsdFs.class);
    private final NodeServer server = mock(NodeServer.class);
    private final ServerRestart restart = mock(ServerRestart.class);
    private final LeaseGuard leases = mock(LeaseGuard.class);
    private final ShutdownOrder order = mock(ShutdownOrder.class);
    private final NfsServerUnit unit = mock(NfsServerUnit.class);
    private final SharedOwners owners = mock(SharedOwners.class);
    private final List<String> said = new ArrayList<>();
    private final NodeGrace grace = mock(NodeGrace.class);
    private final Registry registry = mock(Registry.class);
    private final RestartGate gate = new RestartGate();
    private final ClusterAttribute attribute = mock(ClusterAttribute.class);
    private final ServerLook look = mock(ServerLook.class);
    private final ServerPing ping = mock(ServerPing.class);
    private SharedServerLayer layer;

    @BeforeEach
    void anNfsdThatRuns() throws Exception {
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(server.runs()).thenReturn(true);
        when(nfsd.graceTime()).thenReturn(90);
        when(nfsd.leaseTime()).thenReturn(90);
        when(unit.argumentsOfItsOwn(any(), any())).thenReturn(Optional.empty());
        layer = new SharedServerLayer(node, nfsd, server, grace, restart, gate, mock(SharedRelease.class), registry, leases,
                order, unit, owners, attribute, look, ping);
    }

    private Operation operation(String grace) throws Exception {
        return TestService.operation(TestService.at(Path.of("/srv/a/state"), "instance", "node", "grace", grace), said);
    }

    @Test
    void theServerStaysUntilPacemakerHasStoppedTheService() throws Exception {
        Operation start = operation("restart");

        layer.up(start);

        InOrder before = inOrder(order, leases, restart);
        before.verify(order).begin(start);
        before.verify(leases).update();
        before.verify(restart).join(start);
        assertEquals(List.of(), said);
    }

    @Test
    void settingsThatARestartMakesClientsPayForAreNamed() throws Exception {
        when(nfsd.leaseTime()).thenReturn(91);
        when(unit.argumentsOfItsOwn(any(), any())).thenReturn(Optional.of("-p 2050"));

        layer.up(operation("none"));
        assertEquals(List.of(), said);
        layer.up(operation("restart"));

        assertEquals(2, said.size(), said.toString());
        assertTrue(said.get(0).startsWith("grace-time of the node's nfsd is 90 s, and its lease-time 91 s"), said.get(0));
        assertTrue(said.get(1).startsWith("nfs-server.service starts nfsd with \"-p 2050\""), said.get(1));
    }

    @Test
    void withoutGraceItIsNotRestarted() throws Exception {
        layer.up(operation("none"));
        verify(restart, never()).join(any());
    }

    @Test
    void aServerThatIsBeingStartedIsWaitedFor() throws Exception {
        when(server.runs()).thenReturn(false, false, true);
        when(unit.hasJob(any())).thenReturn(true);

        layer.up(operation("none"));

        verify(unit, times(2)).hasJob(any());
    }

    @Test
    void oneThatIsNotIsNot() throws Exception {
        when(server.runs()).thenReturn(false);

        OcfException e = assertThrows(OcfException.class, () -> layer.up(operation("none")));

        assertTrue(e.getMessage().contains("start nfs-server.service"), e.getMessage());
        verify(order, never()).begin(any());
    }

    @Test
    void hostsThatWereClientsOfSeveralNodesAreItsRemark() throws Exception {
        when(owners.remark(any())).thenReturn(Optional.of("c7")).thenThrow(new IOException("no storage"));
        assertEquals(Optional.of("c7"), layer.remark(operation("restart")));
        assertEquals(Optional.empty(), layer.remark(operation("restart")), "it serves all the same");
        assertEquals(List.of("whether hosts have come from several nodes cannot be told: no storage"), said);
    }

    /** Where it does not tell its threads, it may be the one that hangs in its stop. */
    @Test
    void itHasThreadsOrAnswers() throws Exception {
        when(look.runs(any()))
                .thenReturn(Optional.of(true)).thenReturn(Optional.of(false)).thenReturn(Optional.empty());
        when(ping.problem(any())).thenReturn(Optional.empty()).thenReturn(Optional.of("silent"));
        assertEquals(Optional.empty(), layer.check(operation("none")));
        assertTrue(layer.check(operation("none")).orElseThrow().startsWith("the node's own nfsd does not run any more"));
        assertEquals(Optional.empty(), layer.check(operation("none")));
        assertEquals(Optional.of("silent"), layer.check(operation("none")));
    }

    @Test
    void aRestartOfItsOwnIsNoProblem() throws Exception {
        when(look.runs(any())).thenAnswer(call -> {
            gate.restart(() -> { });
            return Optional.of(false);
        });
        assertEquals(Optional.empty(), layer.check(operation("none")));
    }

    @Test
    void aServerThatCannotBeAskedIsItsRemark() throws Exception {
        when(look.remark()).thenReturn(Optional.of("held up"));
        assertEquals(Optional.of("held up"), layer.remark(operation("restart")));
        verify(owners, never()).remark(any());
    }

    @Test
    void whatSystemdDoesNotTellIsNoReasonToWait() throws Exception {
        when(server.runs()).thenReturn(false);
        when(unit.hasJob(any())).thenThrow(new IOException("no systemd"));

        OcfException e = assertThrows(OcfException.class, () -> layer.up(operation("none")));

        assertTrue(e.getMessage().contains("start nfs-server.service"), e.getMessage());
        assertEquals(1, said.size(), said.toString());
    }

    /** With a grace of 90 s, in which the node is. */
    private Operation monitor(double startedAt) throws Exception {
        RunningService service = TestService.at(Path.of("/srv/a/state"), "instance", "node").withGraceTime(90).started(startedAt)
                .withOpened();
        when(registry.load(any())).thenReturn(Optional.of(service));
        when(grace.inGrace()).thenReturn(true);
        return TestService.operation(service, said);
    }

    @Test
    void graceThatTheKernelDoesNotEndIsEndedWhenItIsOver() throws Exception {
        Operation monitor = monitor(100);
        when(node.bootSeconds()).thenReturn(190.0);
        layer.tend(monitor);
        verify(nfsd, never()).endV4Grace();

        when(node.bootSeconds()).thenReturn(191.0);
        layer.tend(monitor);

        verify(nfsd).endV4Grace();
    }

    @Test
    void thatItServesIsSaidWhateverComesAfterwards() throws Exception {
        Operation monitor = monitor(100);
        when(grace.inGrace()).thenReturn(false);
        doThrow(new IOException("disk full")).when(restart).recovered();

        layer.tend(monitor);

        verify(attribute).set(monitor.instance().name(), "serving");
        assertTrue(said.toString().contains("disk full"), said.toString());
    }

    /** It was restarted for another service, before this one could be told: its clients could not come yet. */
    @Test
    void thatOfARestartThatCameLaterIsNotOver() throws Exception {
        Operation monitor = monitor(100);
        when(server.startedAt()).thenReturn(130.0);
        when(node.bootSeconds()).thenReturn(191.0);

        layer.tend(monitor);

        verify(nfsd, never()).endV4Grace();
    }

    @Test
    void norThatOfOneByAnAdministrator() throws Exception {
        Operation monitor = monitor(100);
        when(unit.startedAt(any())).thenReturn(130.0);
        when(node.bootSeconds()).thenReturn(191.0);

        layer.tend(monitor);

        verify(nfsd, never()).endV4Grace();
    }

    /** The monitor has waited for nfsd, and knows the service as it was before. */
    @Test
    void norThatOfOneThatHasJustBeen() throws Exception {
        Operation before = monitor(100);
        monitor(190);
        when(node.bootSeconds()).thenReturn(191.0);

        layer.tend(before);

        verify(nfsd, never()).endV4Grace();
    }

    @Test
    void norIsItEndedWhileNfsdRestarts() throws Exception {
        Operation monitor = monitor(100);
        when(node.bootSeconds()).thenReturn(191.0);

        gate.restart(() -> {
            Thread other = new Thread(() -> assertDoesNotThrow(() -> layer.tend(monitor)));
            other.start();
            other.join();
        });

        verify(nfsd, never()).endV4Grace();
    }
}
