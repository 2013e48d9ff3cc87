// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
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
import java.util.concurrent.atomic.AtomicInteger;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Waiting;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.stubbing.OngoingStubbing;

class CalmCloseTest {
    private static final LockLine KEPT = lock(0, false);

    private final ServiceLink link = mock(ServiceLink.class);
    private final Holdings holdings = mock(Holdings.class);
    private final List<String> said = new ArrayList<>();
    private boolean open = true;

    private static LockLine lock(long start, boolean waiter) {
        return new LockLine(LockLine.Kind.POSIX, LockLine.Access.WRITE, 5, new DeviceId(8, 1), 12, start, start, waiter);
    }

    @BeforeEach
    void aDevice() throws Exception {
        when(link.shut(any())).thenAnswer(call -> !open);
        doAnswer(call -> open = false).when(link).close(any());
        doAnswer(call -> open = true).when(link).open(any());
    }

    /** A stop of a service that has served and recovered. */
    private Operation stop(String... more) throws Exception {
        RunningService service = TestService.at(Path.of("/srv/a/state"), more).started(5).withOpened();
        return TestService.operation(service.withRecovered(), said, Deadline.after(Duration.ofHours(2)));
    }

    private void nlm(OngoingStubbing<List<LockLine>> looks, int more) throws Exception {
        AtomicInteger look = new AtomicInteger();
        looks.thenAnswer(call -> {
            List<LockLine> lines = new ArrayList<>(List.of(KEPT));
            // A client that takes a lock and gives it up again, all the time, or until it is shut out.
            if (open && look.incrementAndGet() <= more) {
                lines.add(lock(look.get(), false));
            }
            return lines;
        });
    }

    private double closing(Operation operation) throws Exception {
        return closing(operation, Duration.ofMinutes(10)); // however slow this machine is
    }

    private double closing(Operation operation, Duration limit) throws Exception {
        CalmClose calm = new CalmClose(link, holdings, limit);
        long begin = System.nanoTime();
        calm.close(operation);
        assertTrue(!open);
        return (System.nanoTime() - begin) / 1e9;
    }

    @Test
    void whereNothingIsHeldNobodyWaits() throws Exception {
        closing(stop());
        verify(holdings, times(2)).nlmLines(any());
        verify(link, never()).open(any());
    }

    @Test
    void locksThatAreKeptAreSeenFor150Ms() throws Exception {
        nlm(when(holdings.nlmLines(any())), 0);
        assertTrue(closing(stop()) >= 0.15);
        assertEquals(List.of(), said);
        verify(link, never()).open(any());
    }

    @Test
    void aLockOfAMomentIsWaitedFor() throws Exception {
        nlm(when(holdings.nlmLines(any())), 20);
        assertTrue(closing(stop()) >= 20 * Waiting.POLL_MILLIS / 1e3);
        assertEquals(List.of(), said);
    }

    /** As those of SQLite's readers are. */
    @Test
    void norIsOneThatLooksLikeAnotherThatIsKept() throws Exception {
        AtomicInteger look = new AtomicInteger();
        when(holdings.nlmLines(any())).thenAnswer(call -> look.incrementAndGet() % 5 == 0 || look.get() > 40 ? List.of(KEPT)
                : List.of(KEPT, KEPT));
        assertTrue(closing(stop()) >= 40 * Waiting.POLL_MILLIS / 1e3);
        assertEquals(List.of(), said);
    }

    @Test
    void whoeverIsGrantedOneJustThenIsLetInOnceMore() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        doAnswer(call -> {
            open = false;
            return closed.incrementAndGet();
        }).when(link).close(any());
        when(holdings.nlmLines(any())).thenAnswer(call -> closed.get() == 1 && !open ? List.of(KEPT, lock(7, false)) : List.of(KEPT));

        assertTrue(closing(stop()) >= (CalmClose.SETTLED.toMillis() + CalmClose.SETTLED_AGAIN.toMillis()) / 1e3);

        verify(link, times(1)).open(any());
        assertEquals(List.of(), said);
    }

    @Test
    void whereLocksComeAndGoAllTheTimeItIsSaid() throws Exception {
        nlm(when(holdings.nlmLines(any())), Integer.MAX_VALUE);
        double took = closing(stop(), Duration.ofMillis(700));
        assertTrue(took >= 0.7, String.valueOf(took));
        assertEquals(1, said.size());
        assertTrue(said.get(0).contains("while they take and give up locks"), said.get(0));
    }

    @Test
    void ofAShortStopOnlyAPart() throws Exception {
        nlm(when(holdings.nlmLines(any())), Integer.MAX_VALUE);
        double took = closing(TestService.operation(stop().service(), said, Deadline.after(Duration.ofMillis(800))));
        assertTrue(took < CalmClose.LIMIT.toMillis() / 1e3, String.valueOf(took));
    }

    @Test
    void waitersHoldNothing() throws Exception {
        AtomicInteger look = new AtomicInteger();
        when(holdings.nlmLines(any())).thenAnswer(call -> List.of(lock(look.incrementAndGet(), true)));
        closing(stop());
        verify(holdings, times(2)).nlmLines(any());
    }

    private static Nfs4Client client(int minorVersion, String stateid) {
        return new Nfs4Client(1, "192.0.2.9:817", "confirmed", new byte[] {1}, minorVersion,
                List.of(new Nfs4Client.State(stateid, Nfs4Client.Type.LOCK, "", new DeviceId(8, 1), 12, false)), "1", 1, "UP", 0);
    }

    @Test
    void theSameForNfs40() throws Exception {
        AtomicInteger look = new AtomicInteger();
        when(holdings.clients(any())).thenAnswer(call -> List.of(client(0, "00000001" + Math.min(20, look.incrementAndGet()))));
        assertTrue(closing(stop("versions", "4.0")) >= 20 * Waiting.POLL_MILLIS / 1e3);
    }

    /** Each open of a file that the client has open already, and each lock of an owner that has one, counts the stateid up. */
    @Test
    void aStateThatChangesIsTheSame() throws Exception {
        AtomicInteger look = new AtomicInteger();
        when(holdings.clients(any())).thenAnswer(call -> List.of(client(0, String.format("%08xaa", look.incrementAndGet()))));
        closing(stop("versions", "4.0"));
        assertEquals(List.of(), said);
    }

    @Test
    void laterClientsTellThemselves() throws Exception {
        AtomicInteger look = new AtomicInteger();
        when(holdings.clients(any())).thenAnswer(call -> List.of(client(1, "00000001" + look.incrementAndGet())));
        closing(stop("versions", "4.0 4.1"));
        verify(holdings, times(2)).clients(any());
    }

    @Test
    void whatCannotBeSeenIsNotWaitedFor() throws Exception {
        when(holdings.nlmLines(any())).thenThrow(new IOException("no such file"));
        closing(stop());
        assertTrue(said.get(0).contains("no such file"), said.toString());
    }

    @Test
    void clientsStayShutOutWhereTheyCannotBeLetInOnceMore() throws Exception {
        when(holdings.nlmLines(any())).thenAnswer(call -> open ? List.of() : List.of(KEPT));
        doAnswer(call -> {
            open = true;
            throw new IOException("half open");
        }).when(link).open(any());
        closing(stop());
    }

    @Test
    void nobodyWaitsInARecoveryNorWhereGraceTakesItsTimeAnyway() throws Exception {
        nlm(when(holdings.nlmLines(any())), Integer.MAX_VALUE);
        RunningService recovering = TestService.at(Path.of("/srv/a/state")).started(5).withOpened();
        closing(TestService.operation(recovering, said));
        open = true;
        closing(stop("early_end", "no"));
        open = false;
        closing(stop());
        verify(holdings, never()).nlmLines(any());
    }
}
