// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NotifierDirectoryTest {
    private static final NsmState NUMBER = new NsmState(1001);
    private static final int STATD = 4711;

    @TempDir
    private Path dir;

    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    private Path records;
    private Path path;
    private NotifierDirectory directory;

    @BeforeEach
    void hosts() throws Exception {
        records = Files.createDirectory(dir.resolve("kept"));
        for (String host : List.of("192.0.2.71", "192.0.2.72", "192.0.2.73")) {
            Files.writeString(records.resolve(host), record(host));
        }
        path = dir.resolve("notify/web-0");
        directory = new NotifierDirectory(files, path);
    }

    /** As statd makes it. */
    private static String record(String host) {
        return "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff " + host + " web\n";
    }

    private List<String> fill(String... hosts) throws IOException {
        return fill(Files.getOwner(dir), hosts);
    }

    private List<String> fill(UserPrincipal owner, String... hosts) throws IOException {
        return directory.makeInside(new NotifierDirectory.Order(NUMBER, "web", () -> owner), records, List.of(hosts));
    }

    private void fillOutside(String from, String... hosts) throws IOException {
        directory.makeOutside(new NotifierDirectory.Order(NUMBER, "web", () -> Files.getOwner(dir)), List.of(hosts),
                InetAddress.getByName(from), "web-0");
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    @Test
    void hasTheHostsThatAreToldAndTheNumber() throws Exception {
        assertEquals(List.of(), fill("192.0.2.71", "192.0.2.73"));

        assertEquals(List.of("192.0.2.71", "192.0.2.73"), new NsmRecords(files).names(path.resolve("sm")));
        assertEquals(record("192.0.2.73"), Files.readString(path.resolve("sm/192.0.2.73")));
        assertEquals(List.of(), new NsmRecords(files).names(path.resolve("sm.bak")));
        assertTrue(Files.isDirectory(path.resolve("sm.bak")));
        assertEquals(Optional.of(NUMBER), NsmState.read(path.resolve("state")));
    }

    /** sm-notify passes over what it cannot read. */
    @Test
    void damagedRecordsAreMadeAnew() throws Exception {
        Files.writeString(records.resolve("192.0.2.72"), "");

        assertEquals(List.of("192.0.2.72"), fill("192.0.2.71", "192.0.2.72"));

        assertEquals(record("192.0.2.71"), Files.readString(path.resolve("sm/192.0.2.71")));
        assertEquals("192.0.2.72", new NsmRecords(files).read(path.resolve("sm/192.0.2.72")).get(0).host());
        assertTrue(Files.readString(path.resolve("sm/192.0.2.72")).endsWith(" web\n"));
        assertEquals("", Files.readString(records.resolve("192.0.2.72")), "lockd never gave that cookie");
    }

    @Test
    void isPassableForAll() throws Exception {
        Files.createDirectory(path.getParent(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));

        fill("192.0.2.71");

        for (Path each : List.of(path.getParent(), path, path.resolve("sm"), path.resolve("sm.bak"))) {
            assertEquals("rwxr-xr-x", mode(each), each.toString());
        }
    }

    /** sm-notify gives up root for the owner of the directory. */
    @Test
    void belongsToSmNotify() throws Exception {
        Root.required();
        LinuxKernel.load().chown(records.resolve("192.0.2.71"), STATD, STATD);
        Files.writeString(records.resolve("192.0.2.72"), "");

        fill(FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(Integer.toString(STATD)),
                "192.0.2.71", "192.0.2.72");

        for (String each : List.of("", "sm", "sm.bak", "state", "sm/192.0.2.71", "sm/192.0.2.72")) {
            assertEquals(STATD, Files.getAttribute(path.resolve(each), "unix:uid"), each);
        }
        assertEquals(0, Files.getAttribute(path.getParent(), "unix:uid"), "shared with others");
    }

    /** Only sm-notify of before could be at it. */
    @Test
    void whatWasThereIsReplaced() throws Exception {
        fillOutside("192.0.2.1", "192.0.2.71");

        fill("192.0.2.72");

        assertEquals(List.of("192.0.2.72"), new NsmRecords(files).names(path.resolve("sm")));
        assertFalse(Files.exists(path.resolve("hosts")), "of the other kind");
    }

    /** What was there may be of somebody who is not root. */
    @Test
    void nothingIsWrittenThroughALink() throws Exception {
        Path other = Files.writeString(dir.resolve("other"), "of others");
        Path others = Files.createDirectory(dir.resolve("others"));
        Files.createDirectories(path);
        for (String each : List.of("state", "name", "hosts", "nsswitch.conf", "nfs.conf")) {
            Files.createSymbolicLink(path.resolve(each), other);
        }
        for (String each : List.of("sm", "sm.bak")) {
            Files.createSymbolicLink(path.resolve(each), others);
        }

        fillOutside("192.0.2.1", "192.0.2.71");

        assertEquals("of others", Files.readString(other));
        assertEquals(List.of(), new NsmRecords(files).names(others));
        assertEquals(Optional.of(NUMBER), NsmState.read(path.resolve("state")));
        assertEquals("web-0\n", Files.readString(path.resolve("name")));
        assertEquals(List.of("192.0.2.71"), new NsmRecords(files).names(path.resolve("sm")));
    }

    @Test
    void standsForWhatSmNotifyLooksUp() throws Exception {
        fillOutside("2001:db8::1", "2001:db8::71", "2001:db8::72");

        assertEquals("web-0\n", Files.readString(path.resolve("name")));
        assertEquals("127.0.0.1 localhost\n::1 localhost\n2001:db8::1 web-0\n", Files.readString(path.resolve("hosts")));
        assertEquals(List.of("2001:db8::71", "2001:db8::72"), new NsmRecords(files).names(path.resolve("sm")));
        assertTrue(Files.readString(path.resolve("sm/2001:db8::71")).endsWith(" 2001:db8::71 web\n"));
        List<String> order = Files.readAllLines(path.resolve("nsswitch.conf"));
        assertEquals(List.of("hosts: files", "networks: files", "netgroup: files"), order.subList(order.size() - 3, order.size()));
        assertEquals(1, order.stream().filter(line -> line.strip().startsWith("hosts")).count(), order.toString());
        for (String file : List.of("name", "hosts", "nsswitch.conf")) {
            assertEquals("rw-r--r--", mode(path.resolve(file)), "sm-notify is not root when it reads " + file);
        }
    }

    /** It is mounted over the node's. */
    @Test
    void hasSettingsWhereTheNodeHasSome() throws Exception {
        fillOutside("192.0.2.1", "192.0.2.71");

        Path settings = path.resolve("nfs.conf");
        if (Files.exists(Path.of("/etc/nfs.conf"))) {
            assertEquals("[sm-notify]\nlift-grace=n\n", Files.readString(settings));
            assertEquals("rw-r--r--", mode(settings));
        } else {
            assertFalse(Files.exists(settings));
        }
    }
}
