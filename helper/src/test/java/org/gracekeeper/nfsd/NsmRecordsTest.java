// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.spy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NsmRecordsTest {
    private final NsmRecords records = new NsmRecords(new DurableFiles(LinuxKernel.load()));

    @TempDir
    Path dir;

    @Test
    void namesAreThoseThatStatdWouldTake() throws Exception {
        Files.createFile(dir.resolve("192.0.2.21"));
        Files.createFile(dir.resolve(".hidden"));
        Files.createDirectory(dir.resolve("192.0.2.22"));
        Files.createSymbolicLink(dir.resolve("192.0.2.23"), Path.of("/etc/passwd"));

        assertEquals(List.of("192.0.2.21"), records.names(dir));
        assertEquals(List.of(), records.names(dir.resolve("none")));
    }

    /** A damaged inode: the host has locks, and can be notified by its name. */
    @Test
    void oneOfWhichTheDiskTellsNothingButTheNameIsARecord() throws Exception {
        Path sm = Files.createDirectory(dir.resolve("sm"));
        Path kept = Files.createDirectory(dir.resolve("kept"));
        Path record = Files.writeString(sm.resolve("192.0.2.21"), line("192.0.2.21", 1));
        Files.createFile(sm.resolve("192.0.2.22"));
        IOException broken = new FileSystemException(record.toString(), null, "Input/output error");
        DurableFiles files = spy(new DurableFiles(LinuxKernel.load()));
        doThrow(broken).when(files).isRegularFile(record);
        doThrow(broken).when(files).read(eq(record), anyInt());
        doThrow(broken).when(files).write(any(), any(), eq(record));
        doThrow(new NoSuchFileException("deleted meanwhile")).when(files).isRegularFile(sm.resolve("192.0.2.22"));
        NsmRecords damaged = new NsmRecords(files);

        assertEquals(List.of("192.0.2.21"), damaged.names(sm));
        assertEquals(List.of("192.0.2.21"), damaged.copy(damaged.names(sm), sm, kept));
        assertEquals("", Files.readString(kept.resolve("192.0.2.21")));
        Files.delete(kept.resolve("192.0.2.21"));
        assertFalse(damaged.keep("192.0.2.21", List.of(sm), kept, true));
        assertEquals("", Files.readString(kept.resolve("192.0.2.21")));
    }

    @Test
    void familiesAreToldApart() {
        NsmRecords.ByFamily split = NsmRecords.split(
                List.of("192.0.2.21", "2001:db8::21", "fe80::1%svc0", "client.example", "::1", "1.2.3", "::1%/x"));

        assertEquals(List.of("192.0.2.21"), split.ipv4());
        assertEquals(List.of("2001:db8::21", "fe80::1%svc0", "::1"), split.ipv6());
        assertEquals(List.of("client.example", "1.2.3", "::1%/x"), split.others(), "a record is called so");
    }

    @Test
    void copiesWhatIsStillThere() throws Exception {
        Path to = Files.createDirectory(dir.resolve("to"));
        Files.writeString(dir.resolve("192.0.2.21"), "record\n");

        records.copy(List.of("192.0.2.21", "192.0.2.99"), dir, to);

        assertEquals(List.of("192.0.2.21"), records.names(to));
        assertEquals("record\n", Files.readString(to.resolve("192.0.2.21")));
    }

    /** One with a name is told by the address in its record alone. */
    @Test
    void aDamagedRecordNeverReplacesAWholeOne() throws Exception {
        String host = "alpha.example";
        String line = "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff 192.0.2.21 web\n";
        Path record = dir.resolve(host);
        Path kept = Files.createDirectory(dir.resolve("to")).resolve(host);
        // What is copied, what is there, and what it comes to.
        for (List<String> each : List.of(List.of("", line, line), List.of(line.substring(0, 50), line, line),
                List.of(line.repeat(1000), line, line), List.of(line, "", line), List.of(line + line, line, line + line),
                List.of("damaged", "", "damaged"))) {
            Files.writeString(record, each.get(0));
            Files.writeString(kept, each.get(1));
            records.copy(List.of(host), dir, kept.getParent());
            assertEquals(each.get(2), Files.readString(kept), each.toString());
        }
        Files.delete(kept);
        Files.writeString(record, "");
        records.copy(List.of(host), dir, kept.getParent());
        assertEquals("", Files.readString(kept), "more than nothing: it has the name");
        Path other = Files.writeString(dir.resolve("other"), line);
        Files.delete(kept);
        Files.createSymbolicLink(kept, other);
        assertFalse(records.isWhole(kept), "a link is no record");
        records.copy(List.of(host), dir, kept.getParent());
        assertTrue(Files.isRegularFile(kept, LinkOption.NOFOLLOW_LINKS));
        assertEquals(line, Files.readString(other));
    }

    private static String line(String address, int cookie) {
        return String.format("0100007f 000186b5 00000003 00000010 %032x %s web%n", cookie, address);
    }

    private String kept(boolean older) throws IOException {
        assertTrue(records.keep("alpha.example", List.of(dir.resolve("bak"), dir.resolve("sm")), dir.resolve("kept"), older));
        return Files.readString(dir.resolve("kept/alpha.example"));
    }

    /** A client has come to two addresses of the server from two of its own, and one of them has changed. */
    @Test
    void anAddressOfAHostIsKeptUntilNobodyHasToBeToldThere() throws Exception {
        for (String each : List.of("bak", "sm", "kept")) {
            Files.createDirectory(dir.resolve(each));
        }
        Path bak = dir.resolve("bak/alpha.example");
        Path sm = dir.resolve("sm/alpha.example");
        Files.writeString(sm, line("192.0.2.21", 1) + line("2001:db8::21", 2));
        assertEquals(Files.readString(sm), kept(true));

        Files.writeString(sm, line("192.0.2.22", 3));
        assertEquals(line("192.0.2.21", 1) + line("2001:db8::21", 2) + line("192.0.2.22", 3), kept(true));

        Files.writeString(sm, line("2001:db8::21", 4));
        Files.writeString(bak, line("2001:db8::21", 0) + line("2001:db8::23", 5));
        String all = line("192.0.2.21", 1) + line("192.0.2.22", 3) + line("2001:db8::23", 5) + line("2001:db8::21", 4);
        assertEquals(all, kept(true));
        FileTime before = FileTime.fromMillis(0);
        Files.setLastModifiedTime(dir.resolve("kept/alpha.example"), before);
        assertEquals(all, kept(true));
        assertEquals(before, Files.getLastModifiedTime(dir.resolve("kept/alpha.example")), "nothing is new");

        assertEquals(Files.readString(sm), kept(false));
        Files.delete(sm);
        assertEquals(Files.readString(bak), kept(false));
    }

    @Test
    void whatMayBeJustWrittenIsToldOf() throws Exception {
        Path sm = Files.createDirectory(dir.resolve("sm"));
        Path kept = Files.createDirectory(dir.resolve("kept"));
        Files.createFile(sm.resolve("alpha.example"));
        assertFalse(records.keep("alpha.example", List.of(sm), kept, false));
        assertEquals("", Files.readString(kept.resolve("alpha.example")), "more than nothing: it has the name");

        Files.writeString(sm.resolve("alpha.example"), line("192.0.2.21", 1));
        assertTrue(records.keep("alpha.example", List.of(sm), kept, false));
        Files.writeString(sm.resolve("alpha.example"), "0100007f");
        assertFalse(records.keep("alpha.example", List.of(sm), kept, false));
        assertEquals(line("192.0.2.21", 1), Files.readString(kept.resolve("alpha.example")));
        assertTrue(records.keep("beta.example", List.of(sm), kept, false), "statd has deleted it");
        assertEquals(List.of("alpha.example"), records.names(kept));
    }

    /** As lockd of 6.12 and statd made it for a client; with a second line, as of a lockd that has asked twice. */
    @Test
    void aRecordTellsHowLockdWantsToBeTold() throws Exception {
        Path file = Files.writeString(dir.resolve("10.77.0.51"),
                "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff 10.77.0.51 web\n"
                        + "0100007f 000186b5 00000004 00000010 00000000000000000000000000000001 10.77.0.51 web\n");

        List<NsmRecord> lines = records.read(file);

        assertEquals(2, lines.size());
        NsmRecord first = lines.get(0);
        assertEquals("100021 3 16 10.77.0.51",
                first.program() + " " + first.version() + " " + first.procedure() + " " + first.host());
        assertArrayEquals(HexFormat.of().parseHex("8f01a6d3050000000058c2410a88ffff"), first.priv());
        assertEquals(4, lines.get(1).version());
        assertEquals(List.of(), records.read(dir.resolve("none")));
    }

    @Test
    void whatStatdWouldNotWriteIsNoRecord() throws Exception {
        Path file = dir.resolve("10.77.0.51");
        for (String text : List.of("record\n", "\n", "0100007f 000186b5 00000003 00000010 8f01 10.77.0.51 web\n",
                "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff\n",
                "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff 10.77.0.51 web\n".repeat(1000))) {
            Files.writeString(file, text);
            assertThrows(UnexpectedFormatException.class, () -> records.read(file), text);
        }
        Path link = Files.createSymbolicLink(dir.resolve("link"), dir.resolve("secret"));
        Files.writeString(dir.resolve("secret"), "of root's");
        assertFalse(assertThrows(IOException.class, () -> records.read(link)).getMessage().contains("of root's"));
    }

    /** sm-notify passes over a record that it cannot read, and the host would never hear of the restart. */
    @Test
    void whatSmNotifyCouldNotReadIsMadeAnewFromTheName() throws Exception {
        String line = "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff 192.0.2.21 web\n";
        Path record = dir.resolve("192.0.2.21");
        Path to = Files.createDirectory(dir.resolve("to"));
        Path copy = to.resolve("192.0.2.21");
        for (String whole : List.of(line, line + line, line.replace("web\n", "web of another version\n"))) {
            Files.writeString(record, whole);
            assertEquals(List.of(), records.copyForNotification(List.of("192.0.2.21"), dir, to, "web"));
            assertEquals(whole, Files.readString(copy));
        }
        for (String damaged : List.of("", "\n", line.substring(0, 50), line + "garbage\n", "\0".repeat(line.length()),
                "\u00ff\u00fe{}", line.repeat(1000))) {
            Files.writeString(record, damaged, StandardCharsets.ISO_8859_1);
            assertEquals(List.of("192.0.2.21"), records.copyForNotification(List.of("192.0.2.21"), dir, to, "web"), damaged);
            List<NsmRecord> made = records.read(copy);
            assertEquals(1, made.size(), damaged);
            assertEquals("192.0.2.21", made.get(0).host());
            assertTrue(Files.readString(copy).endsWith(" 192.0.2.21 web\n"), damaged);
        }
        assertEquals(List.of("192.0.2.99"), records.copyForNotification(List.of("192.0.2.99"), dir, to, "web"));
        Files.writeString(record, line);
        DurableFiles files = spy(new DurableFiles(LinuxKernel.load()));
        doThrow(new FileSystemException(record.toString(), null, "Input/output error")).when(files).read(eq(record), anyInt());
        assertEquals(List.of("192.0.2.21"), new NsmRecords(files).copyForNotification(List.of("192.0.2.21"), dir, to, "web"));
    }

    @Test
    void theStateGrowsAndIsOdd() throws Exception {
        Path file = dir.resolve("state");
        assertEquals(Optional.empty(), NsmState.read(file));
        Files.write(file, new NsmState(7).bytes());

        assertEquals(9, NsmState.read(file).orElseThrow().next().value());
        assertEquals(11, new NsmState(8).next().value());
        assertArrayEquals(new byte[] {1, 2, 0, 0}, new NsmState(0x201).bytes(), "on a little-endian machine");
    }

    @Test
    void whatWasNotReachedByCountingIsNoState() throws Exception {
        Path file = dir.resolve("state");
        for (byte[] bytes : List.of(new byte[0], new byte[3], new byte[8], new byte[4], new NsmState(-5).bytes(),
                new NsmState(Integer.MAX_VALUE - 1).bytes())) {
            Files.write(file, bytes);
            assertThrows(UnexpectedFormatException.class, () -> NsmState.read(file), Arrays.toString(bytes));
        }
    }

    @Test
    void aStateThatIsNotKnownIsBeyondAllThatWere() {
        int now = NsmState.beyondCounting(Instant.parse("2026-01-01T00:00:00Z")).value();
        assertEquals(1, now & 1);
        assertTrue(now > 1_000_000);
        assertTrue(NsmState.beyondCounting(Instant.parse("2026-01-01T00:01:00Z")).value() > now);
        assertTrue(NsmState.beyondCounting(Instant.parse("2087-01-01T00:00:00Z")).value() > now);
        assertEquals(1_000_001, NsmState.beyondCounting(Instant.EPOCH).value(), "the node's clock is not set");
    }
}
