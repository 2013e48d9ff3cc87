// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NotifyLayerTest {
    private static final int STATD = 4711;

    @TempDir
    private Path dir;

    private final List<String> said = new ArrayList<>();
    private final DurableFiles files = new DurableFiles(LinuxKernel.load());
    private final PeerList peers = new PeerList(files);
    private Path list;
    private StateDirectory state;
    private NotifyLayer layer;

    @BeforeEach
    void hostsToNotify() throws Exception {
        Kernel kernel = LinuxKernel.load();
        layer = new NotifyLayer(files, peers, new Notifications(dir.resolve("services"), files, kernel));
        list = Files.createDirectories(dir.resolve("services/web")).resolve("notify");
        state = new StateDirectory(dir.resolve("state"));
        for (Path each : List.of(state.sm(), state.smBak(), state.nsm())) {
            Files.createDirectories(each);
        }
        Files.write(state.nsmState(), new NsmState(9).bytes());
        for (String host : List.of("192.0.2.20", "192.0.2.21", "fd77::20", "alpha.example")) {
            Files.writeString(state.nsm().resolve(host), record(host));
        }
    }

    /** As statd makes it. */
    private static String record(String host) {
        return "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff " + host + " web\n";
    }

    private Operation operation(String... more) throws Exception {
        List<String> parameters = new ArrayList<>(List.of("ip", "192.0.2.1/24 fd77::1/64"));
        parameters.addAll(List.of(more));
        return TestService.operation(TestService.at(state.root(), parameters.toArray(String[]::new)), said);
    }

    private void connected(String... remotes) throws IOException {
        List<TcpPeer> all = Stream.of(remotes).map(r -> TcpPeer.parse("192.0.2.1:2049 " + r).orElseThrow()).toList();
        peers.save(state, all, true);
    }

    /** By directory the hosts in it. */
    private Map<String, String> prepared() throws IOException {
        Map<String, String> found = new TreeMap<>();
        try (Stream<Path> directories = Files.list(state.notifyRoot())) {
            for (Path each : directories.toList()) {
                try (Stream<Path> hosts = Files.list(each.resolve("sm"))) {
                    found.put(each.getFileName().toString(),
                            String.join(" ", hosts.map(h -> h.getFileName().toString()).sorted().toList()));
                }
            }
        }
        return found;
    }

    @Test
    void eachAddressTellsTheHostsOfItsFamily() throws Exception {
        layer.up(operation());

        assertEquals(Map.of("192.0.2.1", "192.0.2.20 192.0.2.21 alpha.example", "fd77::1", "alpha.example fd77::20"),
                prepared());
        assertEquals("/var/lib/nfs/notify/192.0.2.1 web-0 then\n/var/lib/nfs/notify/fd77::1 web-1 then\n", Files.readString(list));
        assertEquals(List.of("notifying 3 hosts from 192.0.2.1", "notifying 2 hosts from fd77::1"), said);
        assertEquals(record("fd77::20"), Files.readString(state.notify(
                InetAddress.getByName("fd77::1"), false).resolve("sm/fd77::20")));
    }

    /** A power cut has left one empty, which statd had just begun, and another is notified from both addresses. */
    @Test
    void hostsWithDamagedRecordsAreNotifiedToo() throws Exception {
        Files.writeString(state.nsm().resolve("192.0.2.20"), "");
        Files.writeString(state.nsm().resolve("alpha.example"), record("alpha.example").substring(0, 40));
        layer.up(operation());

        assertEquals(Map.of("192.0.2.1", "192.0.2.20 192.0.2.21 alpha.example", "fd77::1", "alpha.example fd77::20"),
                prepared());
        Path told = state.notify(InetAddress.getByName("192.0.2.1"), false).resolve("sm");
        assertTrue(Files.readString(told.resolve("192.0.2.20")).endsWith(" 192.0.2.20 web\n"));
        assertEquals(record("192.0.2.21"), Files.readString(told.resolve("192.0.2.21")));
        assertEquals(Files.getOwner(state.nfs()), Files.getOwner(told.resolve("192.0.2.20")), "for sm-notify to read it");
        assertEquals(state.nsm() + " has damaged records of 192.0.2.20, alpha.example: they are notified all the same, by these"
                + " names", said.get(2));
        assertEquals(3, said.size(), said.toString());
    }

    @Test
    void hostsWithAConnectionComeFirstAndByThemselves() throws Exception {
        connected("192.0.2.21:817", "[fd77::20]:700", "192.0.2.99:1");
        layer.up(operation());

        assertEquals(Map.of("192.0.2.1", "192.0.2.20 alpha.example", "192.0.2.1.connected", "192.0.2.21",
                "fd77::1", "alpha.example", "fd77::1.connected", "fd77::20"), prepared());
        assertEquals("""
                /var/lib/nfs/notify/192.0.2.1.connected web-0 first
                /var/lib/nfs/notify/fd77::1.connected web-1 first
                /var/lib/nfs/notify/192.0.2.1 web-0 then
                /var/lib/nfs/notify/fd77::1 web-1 then
                """, Files.readString(list));
        assertEquals(List.of("notifying 3 hosts from 192.0.2.1", "notifying 2 hosts from fd77::1"), said);
    }

    @Test
    void connectionsThatCannotBeReadCostNothingElse() throws Exception {
        Files.createDirectory(state.peers());
        layer.up(operation());
        assertEquals(2, Files.readAllLines(list).size());
    }

    @Test
    void smNotifyGetsWhatItNeeds() throws Exception {
        Root.required();
        LinuxKernel.load().chown(state.nfs(), STATD, 0);
        Files.writeString(state.nsm().resolve("192.0.2.20"), "");
        Files.createDirectories(state.notifyRoot().resolve("192.0.2.9/sm")); // of an earlier start
        layer.up(operation());

        assertEquals("[192.0.2.1, fd77::1]", prepared().keySet().toString());
        Path own = state.notifyRoot().resolve("192.0.2.1");
        for (Path each : List.of(own, own.resolve("sm"), own.resolve("sm.bak"), own.resolve("sm/192.0.2.20"))) {
            assertEquals(STATD, Files.getAttribute(each, "unix:uid"), each.toString());
        }
        assertArrayEquals(new NsmState(9).bytes(), Files.readAllBytes(own.resolve("state")));
    }

    @Test
    void withNobodyToTellNothingIsPrepared() throws Exception {
        layer.up(operation());
        for (String host : List.of("192.0.2.20", "192.0.2.21", "fd77::20", "alpha.example")) {
            Files.delete(state.nsm().resolve(host));
        }
        said.clear();

        layer.up(operation());

        assertFalse(Files.exists(list));
        assertFalse(Files.exists(state.notifyRoot()));
        assertEquals(List.of(), said);
    }

    @Test
    void norWithoutNfsV3() throws Exception {
        layer.up(operation("versions", "4.1 4.2"));
        assertFalse(Files.exists(list));
    }

    @Test
    void theStopTakesItAway() throws Exception {
        layer.up(operation());
        layer.down(operation());
        assertFalse(Files.exists(list));
        assertFalse(Files.exists(state.notifyRoot()));
        assertEquals(record("192.0.2.20"), Files.readString(state.nsm().resolve("192.0.2.20")));
        layer.down(operation());
    }
}
