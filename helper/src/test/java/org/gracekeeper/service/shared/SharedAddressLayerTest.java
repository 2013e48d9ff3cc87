// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.net.Announcer;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.network.Announcements;
import org.gracekeeper.service.network.ConnectionReset;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two addresses of a service, on a node to which others give addresses, too. */
class SharedAddressLayerTest {
    private static final String FIRST = "192.0.2.1/24";
    private static final String SECOND = "192.0.2.2/24";
    private static final int REFUSED = 2;

    @TempDir
    private Path dir;

    private final Node node = mock(Node.class);
    private final Kernel kernel = mock(Kernel.class);
    /** Those of the node, in the order in which they came. */
    private final Set<String> addresses = new LinkedHashSet<>();
    private final List<String> said = new ArrayList<>();
    private final Announcer announcer = mock(Announcer.class);
    /** What else happens when the second address is about to be added. */
    private Runnable before = () -> { };
    private boolean hangs;
    /** What the node's device is called. */
    private String device = "eth0";
    private final RestartGate gate = new RestartGate();
    private Registry registry;
    private RunningService service;
    private SharedAddressLayer layer;

    /** What the kernel does, with what iproute2 makes of that. */
    private CommandResult ip(List<String> argv, String lines) {
        if (lines.startsWith("address show\n")) {
            return new CommandResult(argv, 0, "[{\"ifname\":\"" + device + "\",\"addr_info\":["
                    + addresses.stream().map(each -> "{\"local\":\"" + each.replace("/", "\",\"prefixlen\":") + "}")
                            .collect(Collectors.joining(",")) + "]}]", "", Duration.ZERO, false);
        }
        boolean done = lines.lines().allMatch(line -> {
            String[] words = line.split(" ");
            if (words[2].equals(SECOND)) {
                before.run();
            }
            return words[words.length - 1].equals(device)
                    && (words[1].equals("add") ? addresses.add(words[2]) : addresses.remove(words[2]));
        });
        return new CommandResult(argv, done ? 0 : REFUSED, "", done ? "" : "Error: ipv4: Address already assigned.", Duration.ZERO,
                hangs);
    }

    @BeforeEach
    void aServiceThatIsAboutToOpen() throws Exception {
        Commands commands = (timeout, stdin, argv) -> ip(argv, stdin);
        registry = new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        Parameters parameters = TestService.parameters(dir, "ip", FIRST + " " + SECOND, "instance", "node", "grace", "none");
        service = TestService.of("web", parameters).started(5);
        registry.save(service, parameters);
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(kernel.read(any(), anyInt())).thenAnswer(call -> (call.getArgument(0).toString().endsWith("fib_trie")
                ? trie() : "").getBytes(StandardCharsets.US_ASCII));
        layer = new SharedAddressLayer(node, registry, new IpLink(commands), mock(AddressGuard.class), announcer,
                mock(Announcements.class), mock(ConnectionReset.class), mock(SharedRecordsLayer.class), mock(NodeGrace.class), gate);
    }

    private String trie() {
        StringBuilder text = new StringBuilder("Local:\n");
        addresses.forEach(each -> text.append("  |-- ").append(each, 0, each.indexOf('/')).append("\n     /32 host LOCAL\n"));
        return text.toString();
    }

    private void up() throws Exception {
        layer.up(TestService.operation(service, said));
    }

    /** As the takedown does, with what is recorded by then. */
    private void down() throws Exception {
        layer.down(TestService.operation(now(), said));
    }

    private RunningService now() throws IOException {
        return registry.load(service.config().name()).orElseThrow();
    }

    private void refused(String address) {
        OcfException e = assertThrows(OcfException.class, this::up);
        assertEquals(OcfCode.GENERIC, e.code());
        assertTrue(e.getMessage().startsWith("parameter ip: " + address + " has become an address of this node"), e.getMessage());
    }

    private String proof() throws Exception {
        SharedExportsLayer exports = mock(SharedExportsLayer.class);
        when(exports.left(any())).thenReturn(Optional.empty());
        return new SharedProof(node, registry, exports, mock(Holdings.class)).require(TestService.operation(now(), said));
    }

    /** Who would come then is not among those that the restart has recorded, and the service not among those that it looks after. */
    @Test
    void nobodyIsLetInWhileNfsdRestarts() throws Exception {
        Thread start = new Thread(() -> {
            try {
                up();
            } catch (Exception e) {
                said.add(e.toString());
            }
        });
        gate.restart(() -> {
            start.start();
            start.join(300);
            assertEquals(Set.of(), addresses);
            assertFalse(now().opened());
        });
        start.join();

        assertEquals(List.of(), said);
        assertEquals(Set.of(FIRST, SECOND), addresses);
    }

    @Test
    void itsAddressesComeAndGo() throws Exception {
        up();
        assertEquals(Set.of(FIRST, SECOND), addresses);
        assertTrue(now().opened());
        assertThrows(IOException.class, this::proof);

        down();

        assertEquals(Set.of(), addresses);
        assertEquals("no address, no export, no lock and no open of an NFS client left", proof());
    }

    /** An address of IPv4 stays on a device that is set down, and nobody reaches it. */
    @Test
    void aDeviceThatIsDownIsSeen() throws Exception {
        up();
        when(kernel.isUp("eth0")).thenReturn(true);
        assertEquals(Optional.empty(), check());

        when(kernel.isUp("eth0")).thenReturn(false);
        assertEquals(Optional.of("device eth0 is down, so nobody reaches its addresses: set it up (ip link set eth0 up)"), check());

        addresses.remove(FIRST);
        assertEquals(Optional.of("address 192.0.2.1 is gone from eth0"), check());
    }

    /** From kernel 6.2 on that is possible while it is up. */
    @Test
    void aDeviceThatHasAnotherNameByThenServesAndStops() throws Exception {
        up();
        device = "lan0";
        when(kernel.isUp("eth0")).thenThrow(KernelException.of("ioctl SIOCGIFFLAGS", "eth0", Errno.ENODEV));
        assertEquals(Optional.empty(), check());

        down();

        assertEquals(Set.of(), addresses);
        assertEquals("no address, no export, no lock and no open of an NFS client left", proof());
    }

    /** Clients are served by then. */
    @Test
    void anAnnouncementThatCannotBeSentIsNoReasonToFail() throws Exception {
        doThrow(KernelException.of("sendto", "frame", Errno.ENODEV)).when(announcer).announce(any(), any());
        up();
        assertEquals(Set.of(FIRST, SECOND), addresses);
        assertEquals(1, said.size());
        assertTrue(said.get(0).startsWith("its addresses are not announced at once"), said.toString());
    }

    private Optional<String> check() throws Exception {
        return layer.check(TestService.operation(now(), said));
    }

    @Test
    void oneThatTheNodeHasByThenIsLeftToWhoHasAddedIt() throws Exception {
        addresses.add(SECOND);

        refused("192.0.2.2");

        assertFalse(now().opened(), "nobody can have come");
        down();
        assertEquals(Set.of(SECOND), addresses);
    }

    @Test
    void soIsOneThatComesAtTheLastMoment() throws Exception {
        before = () -> addresses.add(SECOND);

        refused("192.0.2.2");

        assertTrue(now().opened(), "somebody may have come to the first");
        assertEquals(Set.of(FIRST, SECOND), addresses);
        assertEquals(SECOND, Files.readString(dir.resolve("services/web/foreign")).strip(), "the emergency stop knows it");
        down();
        assertEquals(Set.of(SECOND), addresses);
        assertEquals("no address, no export, no lock and no open of an NFS client left", proof());
    }

    @Test
    void whereItIsTheFirstNobodyHasCome() throws Exception {
        Parameters parameters = TestService.parameters(dir, "ip", SECOND, "instance", "node", "grace", "none");
        service = TestService.of("web", parameters).started(5);
        registry.save(service, parameters);
        before = () -> addresses.add(SECOND);

        refused("192.0.2.2");

        assertFalse(now().opened());
        assertFalse(Files.exists(dir.resolve("services/web/foreign")));
        down();
        assertEquals(Set.of(SECOND), addresses);
    }

    /** It may have been added: one that stays would be on two nodes. */
    @Test
    void withoutAnAnswerItIsTheServices() throws Exception {
        before = () -> hangs = true;
        assertThrows(IOException.class, this::up);
        hangs = false;
        before = () -> { };

        down();

        assertEquals(Set.of(), addresses);
    }

    /** Killed before the kernel's answer could be recorded. */
    @Test
    void norDoesAnybodyTellWhoseItIsAfterTheHelper() throws Exception {
        registry.update(service.config().name(), RunningService::withOpened);
        addresses.addAll(List.of(FIRST, SECOND));

        down();

        assertEquals(Set.of(), addresses);
    }
}
