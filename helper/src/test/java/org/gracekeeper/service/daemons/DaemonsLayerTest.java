// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.node.DaemonProcess;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Processes;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.notify.Notifications;
import org.gracekeeper.service.own.RpcbindLayer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.standby.Standby;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DaemonsLayerTest {
    private final List<String> called = new ArrayList<>();
    private final Node node = mock(Node.class);
    private final Processes processes = mock(Processes.class);
    private final HealthProbe probe = mock(HealthProbe.class);
    private final Notifications notifications = mock(Notifications.class);
    private final Systemd systemd = mock(Systemd.class);
    private final DaemonUnits units = new DaemonUnits(systemd);
    private final DaemonsLayer layer = new DaemonsLayer(node, units, processes, probe, notifications);
    private final Standby standby = mock(Standby.class);
    private final RpcbindLayer rpcbind = new RpcbindLayer(units, probe, standby);
    private Operation operation;

    @BeforeEach
    void aNode() throws Exception {
        operation = TestService.operation(TestService.at(Path.of("/srv/a/state")), new ArrayList<>());
        doAnswer(call -> called.add("start " + daemons(call.getArgument(0)))).when(systemd).start(any(), any());
        doAnswer(call -> called.add("restart " + daemons(call.getArgument(0)))).when(systemd).restart(any(), any());
        doAnswer(call -> called.add("stop " + daemons(call.getArgument(0)))).when(systemd).stop(any(), any());
        when(node.in(any(), any())).thenReturn(true);
        when(processes.find(any(), any())).thenReturn(Optional.of(new Processes.Process(1, "nfsdcld")));
        when(processes.watchesFiles(1)).thenReturn(true);
    }

    private static String daemons(List<String> units) {
        return units.stream().map(unit -> unit.replaceFirst("^gracekeeper-(.*)@web.service$", "$1"))
                .collect(Collectors.joining(" "));
    }

    private void noNfsV3() throws Exception {
        operation = TestService.operation(TestService.at(Path.of("/srv/a/state"), "versions", "4.1 4.2"),
                new ArrayList<>());
    }

    @Test
    void rpcbindIsAskedForEarlyAndWaitedForBeforeTheOthersAreStarted() throws Exception {
        when(node.in(any(), any())).thenAnswer(call -> called.add("asks"));
        rpcbind.up(operation);
        layer.up(operation);
        assertEquals(List.of("start rpcbind", "asks", "start statd mountd"), called);
        layer.awaitAll(operation);
        assertEquals(List.of("asks", "asks"), called.subList(3, called.size()));
    }

    @Test
    void rpcbindThatWasPreparedIsOnlyWaitedFor() throws Exception {
        when(standby.isAdopted(any())).thenReturn(true);
        when(probe.ask(any(), eq("rpcbind"))).thenReturn(Answer.YES);
        when(node.in(any(), any())).thenAnswer(call -> called.add("asks"));
        rpcbind.up(operation);
        assertTrue(rpcbind.wasPrepared(operation));
        verify(standby, never()).spend(any());
        layer.up(operation);
        assertEquals(List.of("asks", "start statd mountd"), called);
    }

    /** The start may have come while it was being prepared; and nobody looks after one that is. */
    @Test
    void rpcbindThatDoesNotAnswerYetIsAskedForAndOneThatHangsIsReplaced() throws Exception {
        when(standby.isAdopted(any())).thenReturn(true);
        when(probe.ask(any(), eq("rpcbind"))).thenReturn(Answer.REFUSED).thenThrow(new IOException("reset"))
                .thenReturn(Answer.SILENCE);
        for (int i = 0; i < 3; i++) {
            rpcbind.up(operation);
        }
        assertEquals(List.of("start rpcbind", "start rpcbind", "restart rpcbind"), called);
        verify(standby, times(3)).spend(operation.instance());
    }

    /** A new grace period ends these layers alone, and builds them again. */
    @Test
    void afterItsEndItIsPreparedNoMore() throws Exception {
        rpcbind.down(operation);
        verify(standby).spend(operation.instance());
    }

    @Test
    void withoutNfsV3NothingRegisters() throws Exception {
        noNfsV3();
        when(node.in(any(), any())).thenThrow(new IOException("nobody is to be asked"));
        rpcbind.up(operation);
        layer.up(operation);
        layer.awaitAll(operation);
        assertEquals(List.of("start mountd"), called);
    }

    @Test
    void aDaemonThatNeverAnswersIsNamed() throws Exception {
        Operation late = TestService.operation(operation.service(), new ArrayList<>(), Deadline.after(Duration.ZERO));
        for (String daemon : List.of("rpcbind", "statd", "mountd")) {
            assertEquals("daemon " + daemon + " of service web is not ready in time: see journalctl -u"
                            + " 'gracekeeper-" + daemon + "@web.service'",
                    assertThrows(OcfException.class, () -> answering(daemon, late)).getMessage());
        }
    }

    /** A start in which {@code silent} and all that are asked after it do not answer. */
    private void answering(String silent, Operation late) throws Exception {
        List<String> asked = new ArrayList<>();
        when(node.in(any(), any())).thenAnswer(call -> {
            asked.add("");
            return asked.size() <= List.of("rpcbind", "statd", "mountd").indexOf(silent);
        });
        layer.up(late);
        layer.awaitAll(late);
    }

    @Test
    void theSignalIsRepeatedButForNfsdcld() throws Exception {
        Processes.Process nfsdcld = new Processes.Process(2, "nfsdcld");
        Processes.Process mountd = new Processes.Process(4, "rpc.mountd");
        List<List<Integer>> told = new ArrayList<>();
        recordSignals(told);
        when(processes.in(any())).thenAnswer(call -> told.size() < 2 ? List.of(nfsdcld, mountd) : List.of());
        layer.down(operation);
        assertEquals(List.of(List.of(2, 4), List.of(4)), told);
    }

    @Test
    void whatComesLateGetsTheSignalToo() throws Exception {
        Processes.Process mountd = new Processes.Process(4, "rpc.mountd");
        Processes.Process nfsdcld = new Processes.Process(5, "nfsdcld");
        List<List<Integer>> told = new ArrayList<>();
        recordSignals(told);
        when(processes.in(any())).thenAnswer(call -> switch (told.size()) {
            case 0 -> List.of(mountd);
            case 1 -> List.of(mountd, nfsdcld);
            default -> List.of();
        });
        layer.down(operation);
        assertEquals(List.of(List.of(4), List.of(5)), told);
    }

    /** @param told gets the processes of each signal, where it is sent to any */
    private void recordSignals(List<List<Integer>> told) throws Exception {
        doAnswer(call -> {
            List<Integer> pids = call.<List<Processes.Process>>getArgument(0).stream().map(Processes.Process::pid).toList();
            return pids.isEmpty() || told.add(pids);
        }).when(processes).signal(any(), anyInt());
    }

    @Test
    void whatNotifiesClientsIsStartedAfterTheDaemons() throws Exception {
        when(notifications.any(operation.instance().name())).thenReturn(true);
        when(processes.watchesFiles(1)).thenAnswer(call -> called.add("is nfsdcld ready"));
        layer.up(operation);
        assertEquals(List.of("start statd mountd", "is nfsdcld ready", "start notify"), called);
    }

    @Test
    void everythingIsStoppedAtOnceAndNotWaitedFor() throws Exception {
        when(processes.in(any())).thenReturn(List.of());
        layer.down(operation);
        assertEquals(List.of("stop rpcbind nfsdcld statd mountd notify"), called);
    }

    @Test
    void whatNotifiesClientsMayHaveEnded() throws Exception {
        List<Processes.Process> running = new ArrayList<>(List.of(new Processes.Process(1, "rpcbind"),
                new Processes.Process(2, "nfsdcld"), new Processes.Process(3, "gk-statd"), new Processes.Process(4, "gk-mountd")));
        when(processes.in(any())).thenReturn(running);
        assertEquals(Optional.empty(), layer.check(operation));
        running.add(new Processes.Process(5, "gk-notify"));
        assertEquals(Optional.empty(), layer.check(operation));
        running.remove(2);
        assertEquals("rpc.statd does not run", layer.check(operation).orElseThrow().substring(0, 22));
    }

    @Test
    void daemonsThatAnEarlierVersionHasStartedAreKnown() throws Exception {
        when(processes.in(any())).thenReturn(List.of(new Processes.Process(1, "rpcbind"), new Processes.Process(2, "nfsdcld"),
                new Processes.Process(3, "rpc.statd"), new Processes.Process(4, "rpc.mountd")));
        assertEquals(Optional.empty(), layer.check(operation));
    }

    /** Processes 1 to 4, each of the daemon's own unit. */
    private void unitsHave(String... names) throws Exception {
        for (int i = 0; i < names.length; i++) {
            when(probe.daemon(any(), eq(Instance.DAEMONS.get(i))))
                    .thenReturn(Optional.of(new DaemonProcess(i + 1, 'S', 1, 0)));
            when(processes.one(any(), eq(i + 1))).thenReturn(Optional.of(new Processes.Process(i + 1, names[i])));
        }
    }

    @Test
    void theNodesProcessesAreNotSearchedForWhatUnitsHave() throws Exception {
        unitsHave("rpcbind", "nfsdcld", "gk-statd", "gk-mountd");
        assertEquals(Optional.empty(), layer.check(operation));
        when(processes.watchesFiles(2)).thenReturn(true);
        layer.up(operation);
        verify(processes, never()).in(any());
        verify(processes, never()).find(any(), any());
    }

    /** As long as systemd has not come to the unit: with 64 services that start at once it would come to nothing any more. */
    @Test
    void norSearchedAgainAndAgainForWhatIsYetToCome() throws Exception {
        when(processes.find(any(), any())).thenReturn(Optional.empty());
        AtomicInteger looks = new AtomicInteger();
        when(probe.daemon(any(), eq("nfsdcld"))).thenAnswer(call -> looks.incrementAndGet() < 30 ? Optional.empty()
                : Optional.of(new DaemonProcess(2, 'S', 1, 0)));
        when(processes.one(any(), eq(2))).thenReturn(Optional.of(new Processes.Process(2, "nfsdcld")));
        when(processes.watchesFiles(2)).thenReturn(true);
        layer.up(operation);
        assertEquals(30, looks.get());
        verify(processes, times(1)).find(any(), any());
    }

    @Test
    void whatIsNotAsItsUnitHasItIsSearchedFor() throws Exception {
        unitsHave("rpcbind", "nfsdcld", "nsenter", "gk-mountd");
        when(processes.one(any(), eq(4))).thenReturn(Optional.empty()); // in another namespace
        Processes.Process statd = new Processes.Process(7, "rpc.statd");
        when(processes.in(any())).thenReturn(List.of(statd, new Processes.Process(8, "rpc.mountd"))).thenReturn(List.of(statd));
        assertEquals(Optional.empty(), layer.check(operation));
        assertEquals("rpc.mountd does not run", layer.check(operation).orElseThrow().substring(0, 23));
    }

    @Test
    void aUnitThatCannotBeLookedAtIsNoFailure() throws Exception {
        when(probe.daemon(any(), any())).thenThrow(new IOException("odd"));
        when(processes.in(any())).thenReturn(List.of(new Processes.Process(1, "rpcbind"), new Processes.Process(2, "nfsdcld"),
                new Processes.Process(3, "gk-statd"), new Processes.Process(4, "gk-mountd")));
        assertEquals(Optional.empty(), layer.check(operation));
        layer.up(operation);
    }

    @Test
    void inAStopAllProcessesAreLookedThroughAgainWhenThoseThatWereSeenHaveGone() throws Exception {
        List<Processes.Process> mountd = List.of(new Processes.Process(4, "gk-mountd"));
        when(processes.in(any())).thenReturn(mountd).thenReturn(List.of());
        when(processes.still(any(), any())).thenReturn(mountd).thenReturn(mountd).thenReturn(List.of());
        layer.down(operation);
        verify(processes, times(2)).in(any());
    }

    @Test
    void aStopThatSystemdRefusesEndsTheProcessesAllTheSame() throws Exception {
        doThrow(new IOException("no bus")).when(systemd).stop(any(), any());
        when(processes.in(any())).thenReturn(List.of());
        assertEquals("no bus", assertThrows(IOException.class, () -> layer.down(operation)).getMessage());
    }
}
