// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostNotifierTest {
    private static final String LINE = "0100007f 000186b5 00000003 00000010 89ae3382e989d91800000000f1000000 ";
    private static final NsmState NUMBER = new NsmState(1001);

    @TempDir
    private Path dir;

    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    private final Node node = mock(Node.class);
    private final Systemd systemd = mock(Systemd.class);
    private final List<String> ran = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();
    private Path records;
    private Path root;
    private HostNotifier notifier;

    @BeforeEach
    void hosts() throws Exception {
        records = Files.createDirectories(dir.resolve("sm"));
        root = dir.resolve("notify");
        doAnswer(call -> ran.add("start " + call.getArgument(0))).when(systemd).start(any(), any());
        when(node.commands()).thenReturn((timeout, stdin, argv) -> {
            ran.add(String.join(" ", argv));
            return new CommandResult(argv, 0, "", "", Duration.ZERO, false);
        });
        notifier = new HostNotifier(node, systemd, files, root, () -> Files.getOwner(dir));
    }

    /** @param hosts what lockd calls it */
    private void record(String name, String... hosts) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (String host : hosts) {
            lines.append(LINE).append(host).append(" node1\n");
        }
        Files.writeString(records.resolve(name), lines);
    }

    private List<String> begin(String name, String... addresses) throws Exception {
        List<InetAddress> from = new ArrayList<>();
        for (String address : addresses) {
            from.add(InetAddress.getByName(address));
        }
        return notifier.begin(name, records, from, NUMBER, Deadline.after(Duration.ofMinutes(1)), problems::add);
    }

    private List<String> told(String which) throws IOException {
        return new NsmRecords(files).names(root.resolve(which).resolve("sm"));
    }

    @Test
    void eachAddressTellsTheHostsOfItsFamily() throws Exception {
        record("192.0.2.71", "192.0.2.71");
        record("2001:db8::71", "2001:db8::71");
        record("alpha.example", "192.0.2.72");

        assertEquals(List.of("2 hosts from 192.0.2.1", "1 hosts from 2001:db8::1"), begin("web", "192.0.2.1", "2001:db8::1"));

        assertEquals(List.of("start [gracekeeper-notify-node@web--0-1001.service]",
                "start [gracekeeper-notify-node@web--1-1001.service]"), ran);
        assertEquals(List.of("192.0.2.71", "192.0.2.72"), told("web--0-1001"));
        assertEquals(List.of("2001:db8::71"), told("web--1-1001"));
        Path first = root.resolve("web--0-1001");
        assertEquals("web-0\n", Files.readString(first.resolve("name")));
        assertEquals("127.0.0.1 localhost\n::1 localhost\n192.0.2.1 web-0\n", Files.readString(first.resolve("hosts")));
        assertEquals(Optional.of(NUMBER), NsmState.read(first.resolve("state")));
        assertEquals(List.of(), problems);
    }

    /** The same host by two networks, or several of which the resolver makes one name. */
    @Test
    void allAddressesOfARecordAreTold() throws Exception {
        record("alpha.example", "192.0.2.71", "2001:db8::71", "192.0.2.72");
        record("beta.example", "192.0.2.72", "192.0.2.73");

        assertEquals(List.of("2 hosts from 192.0.2.1", "1 hosts from 2001:db8::1"), begin("web", "192.0.2.1", "2001:db8::1"));

        assertEquals(List.of("192.0.2.71", "192.0.2.72", "192.0.2.73"), told("web--0-1001"));
        assertEquals(List.of("2001:db8::71"), told("web--1-1001"));
        assertEquals(List.of(), problems);
    }

    /** statd's directory is not root's. */
    @Test
    void noNameInARecordLeadsElsewhere() throws Exception {
        record("192.0.2.71", "::1%/../../../secret", "../../secret");

        begin("web", "192.0.2.1", "2001:db8::1");

        assertEquals(List.of("192.0.2.71"), told("web--0-1001"));
        assertFalse(Files.exists(root.resolve("web--1-1001")));
        assertFalse(Files.exists(dir.resolve("secret")));
    }

    /** A power cut leaves such a record, and sm-notify passes over it. */
    @Test
    void hostsWithDamagedRecordsAreToldByTheirNames() throws Exception {
        record("192.0.2.71", "192.0.2.71");
        Files.createFile(records.resolve("192.0.2.72"));

        assertEquals(List.of("2 hosts from 192.0.2.1"), begin("web", "192.0.2.1"));

        assertEquals("192.0.2.72", new NsmRecords(files).read(root.resolve("web--0-1001/sm/192.0.2.72")).get(0).host());
        assertEquals(List.of("statd's records of NFSv3 hosts are damaged: 192.0.2.72: they are notified all the same, by these"
                + " names"), problems);
    }

    /** Who has it then could put links in the way. */
    @Test
    void nothingIsWrittenWhenTheDirectoryIsSmNotifys() throws Exception {
        record("192.0.2.71", "192.0.2.71");
        Path given = root.resolve("web--0-1001");
        List<String> before = new ArrayList<>();
        notifier = new HostNotifier(node, systemd, files, root, () -> {
            for (String each : List.of("name", "hosts", "nsswitch.conf")) {
                before.add(Files.readString(given.resolve(each)));
            }
            return Files.getOwner(dir);
        });

        begin("web", "192.0.2.1");

        assertEquals(List.of("web-0\n", Files.readString(given.resolve("hosts")), Files.readString(given.resolve("nsswitch.conf"))),
                before, problems.toString());
    }

    @Test
    void aHostThatIsRecordedWithoutAnAddressIsNamed() throws Exception {
        record("192.0.2.71", "192.0.2.71");
        record("beta.example", "beta.example");

        assertEquals(List.of("1 hosts from 192.0.2.1"), begin("web", "192.0.2.1"));

        assertEquals(1, problems.size());
        assertTrue(problems.get(0).contains("beta.example"), problems.get(0));
    }

    @Test
    void whatFailsForOneAddressIsNoMatterForTheOthers() throws Exception {
        record("192.0.2.71", "192.0.2.71");
        doAnswer(call -> {
            if (call.getArgument(0).toString().contains("--0-")) {
                throw new IOException("no such unit");
            }
            return null;
        }).when(systemd).start(any(), any());

        assertEquals(List.of("1 hosts from 192.0.2.2"), begin("web", "192.0.2.1", "192.0.2.2"));

        assertEquals(List.of("NFSv3 hosts are not notified from 192.0.2.1: no such unit"), problems);
    }

    @Test
    void itsOwnAreEndedAndNoOthers() throws Exception {
        record("192.0.2.71", "192.0.2.71");
        begin("web", "192.0.2.1");
        begin("web-2", "192.0.2.2");
        ran.clear();

        notifier.end("web", Deadline.after(Duration.ofMinutes(1)));

        assertEquals(List.of("systemctl --no-block kill --signal=KILL gracekeeper-notify-node@web--*.service"), ran);
        assertFalse(Files.exists(root.resolve("web--0-1001")));
        assertTrue(Files.exists(root.resolve("web-2--0-1001")));
        ran.clear();
        notifier.end("web", Deadline.after(Duration.ofMinutes(1)));
        assertEquals(List.of(), ran);
    }
}
