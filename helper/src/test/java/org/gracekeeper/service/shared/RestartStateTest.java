// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartStateTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    @TempDir
    private Path dir;

    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    private Path statd;
    private RestartState state;

    @BeforeEach
    void aStatd() throws Exception {
        state = new RestartState(files, dir.resolve("restart"));
        statd = dir.resolve("statd");
        Files.createDirectories(statd.resolve("sm"));
        Files.createDirectories(statd.resolve("sm.bak"));
    }

    private List<String> names(Path directory) throws Exception {
        return new NsmRecords(files).names(directory);
    }

    @Test
    void howToFinishItIsRead() throws Exception {
        assertEquals(Optional.empty(), state.unfinished());
        for (RestartState.Unfinished each : List.of(
                new RestartState.Unfinished(8, null), new RestartState.Unfinished(16, "one-name"))) {
            state.begin(each);
            assertTrue(state.isUnfinished());
            assertEquals(Optional.of(each), state.unfinished());
        }
        state.finished();
        assertFalse(state.isUnfinished());
        Files.writeString(dir.resolve("restart").resolve("threads"), "");
        assertThrows(UnexpectedFormatException.class, state::unfinished);
    }

    @Test
    void whoIsRecordedForItIsKeptBesideThoseOfBefore() throws Exception {
        NfsdcldDb.Entry first = new NfsdcldDb.Entry(17, "61");
        NfsdcldDb.Entry second = new NfsdcldDb.Entry(18, "6162");
        state.keepRecorded(List.of());
        assertFalse(state.hasRecorded());

        state.keepRecorded(List.of(first));
        state.keepRecorded(List.of(first, second));

        assertEquals(List.of(first, second), state.recorded());
        state.finished();
        assertTrue(state.hasRecorded(), "a restart that was given up is finished, too");
        state.forgetRecorded();
        assertEquals(List.of(), state.recorded());
        Files.writeString(dir.resolve("restart").resolve("recorded"), "17\n");
        assertThrows(UnexpectedFormatException.class, state::recorded);
        state.keepRecorded(List.of(second));
        assertEquals(List.of(second), state.recorded());
    }

    @Test
    void whomTheEmergencyStopHasToldIsToldAgainAfterAnotherStart() throws Exception {
        state.begin(new RestartState.Unfinished(8, null));
        assertFalse(state.isTold());
        Files.createFile(dir.resolve("restart/told"));
        assertTrue(state.isTold());
        state.forgetTold();
        assertFalse(state.isTold());
        Files.createFile(dir.resolve("restart/told"));
        state.begin(new RestartState.Unfinished(8, null));
        assertFalse(state.isTold());
        Files.createFile(dir.resolve("restart/told"));
        state.finished();
        assertFalse(state.isTold());
    }

    @Test
    void hostsOfARestartBeforeAreKeptUntilTheyAreForgotten() throws Exception {
        Files.writeString(statd.resolve("sm").resolve("192.0.2.1"), "x");
        Files.writeString(statd.resolve("sm.bak").resolve("192.0.2.2"), "x");
        state.keepHosts(statd);
        Files.delete(statd.resolve("sm").resolve("192.0.2.1"));
        Files.writeString(statd.resolve("sm").resolve("192.0.2.3"), "x");

        state.keepHosts(statd);

        List<String> all = List.of("192.0.2.1", "192.0.2.2", "192.0.2.3");
        assertEquals(all, names(state.hosts()));
        assertEquals(all, names(statd.resolve("sm.bak")));
        state.forgetHosts(statd);
        assertEquals(List.of(), names(state.hosts()));
        assertEquals(List.of("192.0.2.1", "192.0.2.2"), names(statd.resolve("sm.bak")));
    }

    /** A host with a name is told by the address in its record. */
    @Test
    void theNewestRecordOfAHostThatIsWholeIsKept() throws Exception {
        Path sm = statd.resolve("sm").resolve("alpha.example");
        Path bak = statd.resolve("sm.bak").resolve("alpha.example");
        Path kept = state.hosts().resolve("alpha.example");
        for (String left : List.of("", "garbage", record("192.0.2.9"))) {
            Files.writeString(sm, record("192.0.2.1"));
            Files.writeString(bak, left);
            state.keepHosts(statd);
            // It need not have come back at the address that is left.
            String all = (left.endsWith("\n") ? left : "") + record("192.0.2.1");
            assertEquals(all, Files.readString(kept), left);
            assertEquals(all, Files.readString(bak), left);
            state.forgetHosts(statd);
        }
        Files.writeString(sm, "");
        Files.writeString(bak, record("192.0.2.1"));
        state.keepHosts(statd);
        assertEquals(record("192.0.2.1"), Files.readString(kept), "statd's is damaged");
        Files.writeString(bak, "");
        state.keepHosts(statd);
        assertEquals(record("192.0.2.1"), Files.readString(kept), "all but that of a restart before are");
        assertEquals(record("192.0.2.1"), Files.readString(bak));
    }

    private static String record(String address) {
        return "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff " + address + " node1\n";
    }

    @Test
    void noNumberIsUsedTwice() throws Exception {
        int first = state.nextNumber(NOW).value();
        int second = state.nextNumber(NOW).value();
        int third = state.nextNumber(NOW.minusSeconds(3600)).value();
        int fourth = state.nextNumber(NOW.plusSeconds(3600)).value();

        assertTrue(first < second && second < third && third < fourth, first + " " + second + " " + third + " " + fourth);
        Files.writeString(dir.resolve("restart").resolve("state"), "?");
        assertEquals(first, state.nextNumber(NOW).value());
    }
}
