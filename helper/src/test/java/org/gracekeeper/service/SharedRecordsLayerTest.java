// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.nfsd.NsmRecords;
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
    private FakeServers fake;
    private Path sm;
    private Path bak;
    private RunningService service;
    private Path nsm;
    private SharedRecordsLayer layer;

    @BeforeEach
    void aStatd() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        when(fake.node.bootId()).thenReturn("5f0c9a3e-0001");
        when(fake.holdings.clients(any())).thenReturn(List.of());
        sm = Files.createDirectories(dir.resolve("statd/sm"));
        bak = Files.createDirectories(dir.resolve("statd/sm.bak"));
        serves(false);
        nsm = Files.createDirectories(service.state().nsm());
        layer = new SharedRecordsLayer(fake.node, files, fake.nfsd, fake.holdings, mock(RecordsLayer.class), new PeerList(files),
                fake.registry, new RestartGate(), List.of(dir.resolve("none"), sm.getParent()));
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

    private List<String> names() throws IOException {
        return new NsmRecords(files).names(nsm);
    }
}
