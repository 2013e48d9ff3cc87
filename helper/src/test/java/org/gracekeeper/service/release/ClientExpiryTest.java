// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.recovery.TestClients;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.mockito.InOrder;

class ClientExpiryTest {
    private static final String COOKIE = "8f01a6d3050000000058c2410a88ffff";
    private static final Nfs4Client TWO = TestClients.nfs4(2, "192.0.2.9:817", 2, "confirmed", 5, 4, 1);
    private static final Nfs4Client ZERO = TestClients.nfs4(0xab, "192.0.2.9:900", 0, "confirmed", 1, 0, 0);
    private static final Nfs4Client SIX = TestClients.nfs4(7, "[2001:db8::9]:817", 1, "courtesy", 0, 0, 0);

    @TempDir
    private Path dir;

    private final Kernel kernel = mock(Kernel.class);
    private final Node node = mock(Node.class);
    private final NfsdFs nfsd = mock(NfsdFs.class);
    private final Holdings holdings = mock(Holdings.class);
    private final Recovery recovery = mock(Recovery.class);
    private final List<String> told = new ArrayList<>();
    private final List<String> logged = new ArrayList<>();
    private IOException refusal;
    private RunningService service;
    private RecordsLayer records;
    private ClientExpiry expiry;

    @BeforeEach
    void aServiceWithClients() throws Exception {
        service = TestService.at(dir).started(5).withOpened();
        for (Path each : List.of(service.state().sm(), service.state().smBak(), service.state().nsm())) {
            Files.createDirectories(each);
        }
        when(node.kernel()).thenReturn(kernel);
        when(kernel.read(any(), anyInt())).thenReturn("".getBytes(StandardCharsets.US_ASCII));
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(holdings.clients(any())).thenReturn(List.of(TWO, ZERO, SIX));
        when(holdings.nlmLocks(any())).thenReturn(10, 5);
        when(recovery.grace(any())).thenReturn(new Recovery.Grace(false, false));
        Kernel real = LinuxKernel.load();
        records = new RecordsLayer(new Node(real, null), new DurableFiles(real));
        HostRelease hosts = new HostRelease(node, (version, procedure, host, state, priv) -> {
            if (refusal != null) {
                throw refusal;
            }
            assertTrue(state > 0 && state % 2 == 0, "state " + state);
            told.add(version + " " + procedure + " " + host + " " + HexFormat.of().formatHex(priv));
        }, records);
        expiry = new ClientExpiry(node, nfsd, hosts, holdings, new ClientList(holdings, records), records, recovery);
    }

    private void statdMonitors(String host, String... lines) throws IOException {
        Files.writeString(service.state().sm().resolve(host), lines.length > 0 ? String.join("\n", lines)
                : "0100007f 000186b5 00000003 00000010 " + COOKIE + " " + host + " web\n");
    }

    private Outcome expire(String who) throws Exception {
        return expire(who, Duration.ofSeconds(20));
    }

    private Outcome expire(String who, Duration limit) throws Exception {
        return expiry.expire(service, who, Deadline.after(limit), logged::add);
    }

    private void ended(Nfs4Client... clients) throws Exception {
        for (Nfs4Client client : List.of(TWO, ZERO, SIX)) {
            verify(nfsd, List.of(clients).contains(client) ? times(1) : never()).expireClient(client);
        }
    }

    @Test
    void anNfs4ClientIsEndedByAddressWithThePort() throws Exception {
        assertEquals(new Outcome("NFSv4.2 192.0.2.9:817 is ended: 5 opens, 4 locks, 1 delegations\n", true),
                expire("192.0.2.9:817"));
        ended(TWO);
    }

    @Test
    void byClientId() throws Exception {
        assertTrue(expire("0xAB").text().startsWith("NFSv4.0 192.0.2.9:900 is ended: 1 opens"));
        ended(ZERO);
    }

    @Test
    void byAddressInAnyForm() throws Exception {
        expire("2001:DB8:0::9");
        ended(SIX);
        expire("[2001:db8::9]");
        verify(nfsd, times(2)).expireClient(SIX);
    }

    /** It may come again at once, and what the kernel records then is of a new client. */
    @Test
    void itIsForgottenBeforeItsEnd() throws Exception {
        expire("192.0.2.9:817");
        InOrder order = inOrder(recovery, nfsd);
        order.verify(recovery).forget(service, TWO, List.of(ZERO, SIX));
        order.verify(nfsd).expireClient(TWO);
    }

    @Test
    void allClientsOfAHostAreEndedAndNamed() throws Exception {
        statdMonitors("192.0.2.9");
        statdMonitors("192.0.2.90");

        Outcome outcome = expire("192.0.2.9");

        assertTrue(outcome.complete());
        List<String> lines = outcome.text().lines().toList();
        assertEquals("NFSv3 192.0.2.9 is ended: 10 NLM locks of the service's clients before, 5 now", lines.get(0));
        assertTrue(lines.get(1).startsWith("NFSv4.0 192.0.2.9:900 is ended"), lines.get(1));
        assertTrue(lines.get(2).startsWith("NFSv4.2 192.0.2.9:817 is ended"), lines.get(2));
        assertTrue(lines.get(3).startsWith("NFSv3 clients are not told"), lines.get(3));
        assertEquals(List.of("3 16 192.0.2.9 " + COOKIE), told);
        ended(TWO, ZERO);
        assertEquals(List.of("192.0.2.90"), records.monitored(service.state()));
        verify(recovery, never()).forgetHosts(any());
        assertEquals(lines.subList(0, 3), logged);
    }

    /** It came back without a restart, and locked something again. */
    @Test
    void aHostThatWasEndedCanBeEndedAgain() throws Exception {
        statdMonitors("192.0.2.7");
        expire("192.0.2.7");
        told.clear();

        assertTrue(expire("192.0.2.7").complete());

        assertEquals(List.of("3 16 192.0.2.7 " + COOKIE), told);
        assertEquals(List.of(), records.monitored(service.state()));
    }

    @Test
    void aHostThatStaysRecordedUnderItsNameIsSaid() throws Exception {
        statdMonitors("client.example");
        assertTrue(expire("Client.example").text().contains("it stays recorded under a name"));
        assertEquals(List.of("client.example"), records.monitored(service.state()));
    }

    @Test
    void lockdIsToldByEachOfItsCookiesAndNobodyElse() throws Exception {
        statdMonitors("192.0.2.7",
                "0100007f 000186b5 00000003 00000010 " + COOKIE + " 192.0.2.7 web",
                "0100007f 000186b5 00000004 00000010 00000000000000000000000000000001 192.0.2.7 web",
                "0100007f 000186b6 00000001 00000001 00000000000000000000000000000002 192.0.2.7 web");
        expire("192.0.2.7");
        assertEquals(List.of("3 16 192.0.2.7 " + COOKIE, "4 16 192.0.2.7 00000000000000000000000000000001"), told);
    }

    @Test
    void aHostThatMayReclaimIsNotWaitedFor() throws Exception {
        Files.createFile(service.state().nsm().resolve("192.0.2.7"));

        String text = expire("192.0.2.7").text();

        assertTrue(text.startsWith("NFSv3 192.0.2.7 is ended: lockd has not heard of it since the start\n"), text);
        assertEquals(List.of(), told);
        assertEquals(List.of(), records.recoverySet(service.state()));
        verify(recovery).forgetHosts(service);
    }

    @Test
    void graceThatGoesOnForOthersIsSaid() throws Exception {
        Files.createFile(service.state().nsm().resolve("192.0.2.7"));
        Files.createFile(service.state().nsm().resolve("192.0.2.8"));
        when(recovery.grace(any())).thenReturn(new Recovery.Grace(true, false));
        assertTrue(expire("192.0.2.7").text().contains("grace may still wait for its locks"));
        assertFalse(expire("192.0.2.8").text().contains("grace may still wait"));
    }

    /** It has its locks still, so it has to be notified after the next start. */
    @Test
    void aHostThatLockdDoesNotReleaseStaysRecorded() throws Exception {
        statdMonitors("192.0.2.9");
        Files.createFile(service.state().nsm().resolve("192.0.2.9"));
        refusal = new IOException("rpcbind knows no port of lockd");

        Outcome outcome = expire("192.0.2.9");

        assertFalse(outcome.complete());
        assertTrue(outcome.text().startsWith("NFSv3 192.0.2.9 is not ended: rpcbind knows no port of lockd\n"),
                outcome.text());
        assertEquals(List.of("192.0.2.9"), records.monitored(service.state()));
        assertEquals(List.of("192.0.2.9"), records.recoverySet(service.state()));
        ended(TWO, ZERO);
    }

    @Test
    void aRecordThatCannotBeTakenAwayDoesNotKeepItsLocks() throws Exception {
        doThrow(new IOException("disk full")).when(recovery).forget(any(), any(), any());
        Outcome outcome = expire("0x2");
        assertTrue(outcome.complete());
        assertTrue(outcome.text().contains("it stays recorded, and may reclaim after the next start: disk full"),
                outcome.text());
        ended(TWO);
    }

    @Test
    void requestsInProgressAreNotWaitedForWithoutEnd() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        doAnswer(call -> {
            never.await();
            return null;
        }).when(nfsd).expireClient(TWO);

        Outcome outcome = expire("0x2", Duration.ofMillis(300));

        assertFalse(outcome.complete());
        assertTrue(outcome.text().startsWith("NFSv4.2 192.0.2.9:817 is not ended: the wait for its requests in progress"),
                outcome.text());
        verify(recovery, never()).keep(any(), any()); // the kernel goes on, and ends it
    }

    @Test
    void oneThatTheKernelDoesNotEndMayReclaimAsBefore() throws Exception {
        doThrow(new IOException("clients/2/ctl: EIO")).when(nfsd).expireClient(TWO);
        assertEquals(new Outcome("NFSv4.2 192.0.2.9:817 is not ended: clients/2/ctl: EIO\n", false), expire("0x2"));
        verify(recovery).keep(service, TWO);
    }

    @Test
    void nobodyIsEndedWhenTheTimeIsOver() throws Exception {
        statdMonitors("192.0.2.9");

        Outcome outcome = expire("192.0.2.9", Duration.ZERO);

        assertFalse(outcome.complete());
        assertEquals(3, outcome.text().lines().filter(line -> line.contains(" is not ended: ") && line.contains("ask again")).count(),
                outcome.text());
        ended();
        assertEquals(List.of(), told);
        verify(recovery, never()).forget(any(), any(), any());
    }

    /** By a stop: there is no answer then, so the log has to have it. */
    @Test
    void anInterruptOfALookAtLocksIsNoFailureOfTheClient() throws Exception {
        statdMonitors("192.0.2.9");
        doReturn(10).doThrow(new InterruptedIOException()).when(holdings).nlmLocks(any());
        assertThrows(InterruptedException.class, () -> expire("192.0.2.9"));
        assertEquals(List.of(), logged);
    }

    @Test
    void whoWasEndedBeforeAnInterruptIsInTheLog() throws Exception {
        doAnswer(call -> {
            Thread.sleep(Long.MAX_VALUE);
            return null;
        }).when(nfsd).expireClient(TWO);
        Thread operator = Thread.currentThread();
        doAnswer(call -> {
            operator.interrupt();
            return null;
        }).when(recovery).forget(service, TWO, List.of(SIX));

        assertThrows(InterruptedException.class, () -> expire("192.0.2.9"));

        assertEquals(List.of("NFSv4.0 192.0.2.9:900 is ended: 1 opens, 0 locks, 0 delegations"), logged);
    }

    @Test
    void nobodyIsEndedForAnAddressThatIsOnlySimilar() throws Exception {
        statdMonitors("192.0.2.90");
        for (String who : List.of("192.0.2", "192.0.2.99", "192.0.2.9:8", "0x", "2", "client 2", "web")) {
            OcfException e = assertThrows(OcfException.class, () -> expire(who), who);
            assertEquals(OcfCode.GENERIC, e.code());
            assertTrue(e.getMessage().contains("'gracekeeper clients web'"), e.getMessage());
        }
        ended();
        assertEquals(List.of(), told);
    }

    /** lockd does nothing where it is told the number that it knows, which is 0 at first. */
    @Test
    void stateNumbersAreEvenPositiveAndChange() {
        long now = 1_800_000_000_000L;
        for (long millis = now; millis < now + 1000; millis++) {
            int state = HostRelease.state(millis);
            assertTrue(state > 0 && state % 2 == 0, millis + ": " + state);
            assertTrue(state != HostRelease.state(millis + 1));
        }
        for (long millis : new long[] {0, (1L << 30) - 2, (1L << 30) - 1, 1L << 30, Long.MAX_VALUE}) {
            assertTrue(HostRelease.state(millis) > 0 && HostRelease.state(millis) % 2 == 0, Long.toString(millis));
        }
    }
}
