// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.release.FakeServers;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedRecordsLayerTest {
    private static final String WHOLE = "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff 192.0.2.7 node1\n";
    private static final String HOST = "alpha.example";

    @TempDir
    private Path dir;

    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    /** Long after all that a test does. */
    private Instant now = Instant.now().plusSeconds(3600);
    private FakeServers fake;
    private Path sm;
    private Path bak;
    private RunningService service;
    private Path nsm;
    private SharedRecordsLayer layer;
    private final NodeGrace grace = mock(NodeGrace.class);
    private final ServerLook look = mock(ServerLook.class);
    private final List<String> logged = new ArrayList<>();

    @BeforeEach
    void aStatd() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        when(look.runs(any())).thenAnswer(call -> Optional.of(fake.nfsd.threads() > 0));
        when(fake.node.bootId()).thenReturn("5f0c9a3e-0001");
        when(fake.holdings.clients(any())).thenReturn(List.of());
        sm = Files.createDirectories(dir.resolve("statd/sm"));
        bak = Files.createDirectories(dir.resolve("statd/sm.bak"));
        serves(false);
        nsm = Files.createDirectories(service.state().nsm());
        layer = new SharedRecordsLayer(fake.node, files, fake.nfsd, fake.holdings, mock(RecordsLayer.class), new PeerList(files),
                fake.registry, grace, new RestartGate(), look, List.of(dir.resolve("none"), sm.getParent()), () -> now);
    }

    private void serves(boolean recovered) throws Exception {
        service = new RunningService(TestService.at(dir.resolve("state"), "instance", "node").config(), "eth0", List.of(),
                List.of(), List.of(FakeServers.HERE), 90, 0, true, recovered, false, "");
        when(fake.registry.load(any())).thenReturn(Optional.of(service));
    }

    private String gathered() throws Exception {
        layer.gather(service);
        return Files.readString(nsm.resolve(HOST));
    }

    /** The power went when statd had just made it; after the boot the host took locks again. */
    @Test
    void aWholeRecordReplacesADamagedOne() throws Exception {
        Files.writeString(sm.resolve(HOST), "");
        assertEquals("", gathered(), "it has the name");

        Files.writeString(sm.resolve(HOST), WHOLE);

        assertEquals(WHOLE, gathered());
    }

    @Test
    void aDamagedRecordNeverReplacesAWholeOne() throws Exception {
        Files.writeString(sm.resolve(HOST), WHOLE);
        assertEquals(WHOLE, gathered());

        Files.writeString(sm.resolve(HOST), "garbage");

        assertEquals(WHOLE, gathered());
    }

    @Test
    void ofStatdsRecordsAWholeOneCounts() throws Exception {
        Files.writeString(sm.resolve(HOST), "");
        Files.writeString(bak.resolve(HOST), WHOLE);
        assertEquals(WHOLE, gathered());

        Files.delete(nsm.resolve(HOST));
        Files.writeString(sm.resolve(HOST), WHOLE.replace("192.0.2.7", "192.0.2.8"));

        serves(true);
        assertEquals(WHOLE.replace("192.0.2.7", "192.0.2.8"), gathered(), "that in sm.bak is older");
    }

    /** Monitors come all the time. */
    @Test
    void nothingIsWrittenWhereNothingIsNew() throws Exception {
        for (String record : List.of(WHOLE, "")) {
            Files.writeString(sm.resolve(HOST), record);
            Files.deleteIfExists(nsm.resolve(HOST));
            gathered();
            Path before = Files.setLastModifiedTime(nsm.resolve(HOST), FileTime.fromMillis(0));

            gathered();

            assertEquals(0, Files.getLastModifiedTime(before).toMillis(), record);
        }
    }

    @Test
    void hostsAreForgottenWhenNobodyMayReclaimAnyMore() throws Exception {
        Files.writeString(nsm.resolve("192.0.2.9"), WHOLE);
        Files.writeString(sm.resolve(HOST), WHOLE);
        gathered();
        assertEquals(List.of("192.0.2.9", HOST), names());

        serves(true);
        gathered();

        assertEquals(List.of(HOST), names());
    }

    private static Nfs4Client client(String owner) {
        return new Nfs4Client(1, "192.0.2.7:800", "confirmed", owner.getBytes(StandardCharsets.US_ASCII), 2,
                List.of(new Nfs4Client.State("0000000101", Nfs4Client.Type.OPEN, "rw", FakeServers.HERE, 77, false)), "1", 0, "UP", 0);
    }

    private List<String> clients() throws Exception {
        monitored();
        return SharedRecordsLayer.clients(service.state());
    }

    /** An update of the NFS server's package does it, and then the node may be emptied for a new kernel. */
    @Test
    void clientsThatHaveToReclaimFromAnNfsdThatSomebodyRestartedHaveNotGone() throws Exception {
        serves(true);
        Files.writeString(nsm.resolve("192.0.2.9"), WHOLE);
        Files.writeString(sm.resolve("192.0.2.9"), WHOLE);
        when(fake.holdings.clients(any())).thenReturn(List.of(client("a"), client("b")));
        assertEquals(List.of("61", "62"), clients());

        when(grace.inGrace()).thenReturn(true);
        when(fake.holdings.clients(any())).thenReturn(List.of(client("b"), client("c")));
        Files.delete(sm.resolve("192.0.2.9"));
        assertEquals(List.of("61", "62", "63"), clients());
        assertEquals(List.of("192.0.2.9"), names());

        when(grace.inGrace()).thenReturn(false);
        assertEquals(List.of("62", "63"), clients());
        assertEquals(List.of(), names());
    }

    @Test
    void nobodyIsForgottenWhereNfsdEndsWhileItIsLookedAt() throws Exception {
        serves(true);
        when(fake.holdings.clients(any())).thenReturn(List.of(client("a")));
        assertEquals(List.of("61"), clients());

        when(fake.holdings.clients(any())).thenAnswer(call -> {
            fake.threads(0);
            return List.of();
        });

        assertEquals(List.of("61"), clients());
    }

    private void monitored() throws Exception {
        layer.tend(TestService.operation(service, logged));
        assertEquals(List.of(), logged);
    }

    /** The next monitor sees to what this one could not: it must not wait for another server of the node. */
    @Test
    void aMonitorForgetsNobodyWhereNfsdDoesNotTell() throws Exception {
        serves(true);
        when(fake.holdings.clients(any())).thenReturn(List.of(client("a")));
        monitored();
        when(fake.holdings.clients(any())).thenReturn(List.of());
        doReturn(Optional.empty()).when(look).runs(any());
        monitored();
        assertEquals(List.of("61"), SharedRecordsLayer.clients(service.state()));
        doReturn(Optional.of(true)).when(look).runs(any());
        monitored();
        assertEquals(List.of(), SharedRecordsLayer.clients(service.state()));
    }

    /** Whether the next monitor reads what is kept: it puts right what was written into it, of which the directory shows nothing. */
    private boolean reads() throws Exception {
        Files.writeString(nsm.resolve(HOST), "damaged");
        monitored();
        return Files.readString(nsm.resolve(HOST)).equals(WHOLE);
    }

    /** Hundreds of hosts, and a monitor every ten seconds. */
    @Test
    void whereNothingHasChangedNoRecordIsRead() throws Exception {
        Files.writeString(sm.resolve(HOST), WHOLE);
        monitored();
        assertTrue(reads(), "the monitor has changed the directory where they are kept");
        monitored();
        assertFalse(reads());
        assertFalse(reads());

        Files.writeString(bak.resolve("192.0.2.9"), WHOLE);
        assertTrue(reads(), "a host that has to be told");
        assertEquals(List.of("192.0.2.9", HOST), names());
        monitored();
        assertFalse(reads());
        Files.delete(nsm.resolve("192.0.2.9"));
        assertTrue(reads(), "somebody has deleted one");
        assertEquals(List.of("192.0.2.9", HOST), names());
        monitored();
        assertFalse(reads());
        serves(true);
        assertTrue(reads(), "recovery has ended");
        monitored();
        assertFalse(reads());
        layer.gather(service);
        assertEquals(WHOLE, Files.readString(nsm.resolve(HOST)), "a stop looks at all");
    }

    /** Within a step of a file system's clock another change would not show. */
    @Test
    void whatHasJustChangedIsReadAgain() throws Exception {
        now = Instant.now();
        Files.writeString(sm.resolve(HOST), WHOLE);
        monitored();
        monitored();
        assertTrue(reads());
        monitored();
        assertTrue(reads());
    }

    /** statd makes the file, and then writes into it, of which its directory shows nothing. */
    @Test
    void aRecordThatIsJustBeingWrittenIsReadAgain() throws Exception {
        Files.createFile(sm.resolve(HOST));
        monitored();
        monitored();
        assertEquals("", Files.readString(nsm.resolve(HOST)));

        Files.writeString(sm.resolve(HOST), WHOLE);
        monitored();

        assertEquals(WHOLE, Files.readString(nsm.resolve(HOST)));
    }

    /** As statd does it when the host is monitored again. */
    @Test
    void aHostWithANewAddressIsToldThere() throws Exception {
        Files.writeString(sm.resolve(HOST), WHOLE);
        monitored();
        monitored();
        String other = WHOLE.replace("192.0.2.7", "192.0.2.8");

        Files.delete(sm.resolve(HOST));
        Files.writeString(sm.resolve(HOST), other);
        monitored();
        assertEquals(WHOLE + other, Files.readString(nsm.resolve(HOST)), "it may have something at the other one, too");

        serves(true);
        monitored();
        assertEquals(other, Files.readString(nsm.resolve(HOST)));
    }

    private List<String> names() throws IOException {
        return new NsmRecords(files).names(nsm);
    }
}
