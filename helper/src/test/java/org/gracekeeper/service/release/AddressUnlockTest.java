// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import static org.gracekeeper.service.release.FakeServers.HERE;
import static org.gracekeeper.service.release.FakeServers.THERE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AddressUnlockTest {
    @TempDir
    private Path dir;

    private FakeServers fake;
    private final List<String> told = new ArrayList<>();
    private IOException refusal;
    private AddressUnlock unlock;

    @BeforeEach
    void aNodeWithItsOwnNfsd() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        fake.mounted("data", HERE);
        fake.mounted("other", THERE);
        Kernel real = LinuxKernel.load();
        RecordsLayer records = new RecordsLayer(new Node(real, null), new DurableFiles(real));
        HostRelease hosts = new HostRelease(fake.node, (version, procedure, host, state, priv) -> {
            if (refusal != null) {
                throw refusal;
            }
            told.add(host);
            fake.nlm.removeIf(line -> line.dev().equals(HERE) && line.inode() == (host.contains(":") ? 6 : 4));
        }, records);
        unlock = new AddressUnlock(fake.node, fake.servers, fake.nfsd, fake.holdings, records, hosts);
    }

    private RunningService service(String... more) throws Exception {
        RunningService plain = TestService.at(dir, more);
        RunningService service = new RunningService(plain.config(), plain.parent(), plain.routes(), plain.exports(),
                List.of(HERE), plain.graceTime(), 1, true, true, false, "");
        when(fake.registry.others(null)).thenReturn(List.of(service));
        Files.createDirectories(service.state().sm());
        return service;
    }

    private void monitors(RunningService service, String... hosts) throws IOException {
        for (String host : hosts) {
            Files.writeString(service.state().sm().resolve(host),
                    "0100007f 000186b5 00000003 00000010 8f01a6d3050000000058c2410a88ffff " + host + " web\n");
        }
    }

    private Outcome run(String address, boolean dryRun) throws Exception {
        return unlock.unlock(address, fake.call(dryRun));
    }

    private void refused(OcfCode code, String words, String address) {
        OcfException e = assertThrows(OcfException.class, () -> run(address, false));
        assertEquals(code, e.code());
        assertTrue(e.getMessage().contains(words), e.getMessage());
        assertEquals(List.of(), fake.writes);
    }

    private static List<String> table(String text) {
        return text.lines().filter(line -> line.startsWith("NLM ")).toList();
    }

    @Test
    void aDryRunNamesWhatARealOneMayRelease() throws Exception {
        fake.nlm.addAll(List.of(FakeServers.nlm(HERE, 4, 0), FakeServers.nlm(HERE, 4, 20), FakeServers.nlm(THERE, 5, 0)));
        fake.client(1, "192.0.2.51:800", FakeServers.open(1, HERE, 14));
        fake.effect = (file, text) -> fake.nlm.remove(0);

        Outcome dry = run("192.0.2.1", true);
        assertEquals(List.of(), fake.writes);
        Outcome real = run("192.0.2.1", false);

        assertEquals(table(dry.text()), table(real.text()));
        assertEquals(3, table(dry.text()).size());
        assertTrue(dry.text().contains("/proc/locks does not tell which of them were taken through it; only those go"), dry.text());
        assertTrue(dry.text().contains("NFSv4 state belongs to no address"), dry.text());
        assertEquals(List.of("unlock_ip 192.0.2.1"), fake.writes);
        assertTrue(real.complete(), real.text());
        assertTrue(real.text().contains("unlock_ip: the kernel says done\nseen: 1 of 3 NLM locks and waiters are gone;"
                + " the others were taken through another address\n"), real.text());
    }

    @Test
    void whereNothingWentItCannotBeToldWhy() throws Exception {
        fake.nlm.add(FakeServers.nlm(HERE, 4, 0));

        Outcome outcome = run("192.0.2.1", false);

        assertFalse(outcome.complete());
        assertTrue(outcome.text().contains("seen: 0 of 1 NLM locks and waiters are gone: either none was taken through 192.0.2.1,"
                + " or unlock_ip of kernel 6.12.117+deb12-cloud-amd64 finds none"), outcome.text());
        assertEquals(List.of(), told);
    }

    @Test
    void withoutTimeNothingIsWritten() throws Exception {
        fake.nlm.add(FakeServers.nlm(HERE, 4, 0));

        Outcome outcome = unlock.unlock("192.0.2.1", new Unlock.Call(false, Deadline.after(Duration.ZERO), fake.logged::add));

        assertFalse(outcome.complete());
        assertTrue(outcome.text().contains("unlock_ip: not tried, there was no time left: ask again\nseen: 0 of 1 NLM locks and"
                + " waiters are gone: unlock_ip failed; "), outcome.text());
        assertEquals(List.of(), fake.writes);
    }

    @Test
    void theOnlyAddressOfAServiceStandsForAllItsLocks() throws Exception {
        monitors(service(), "192.0.2.51", "192.0.2.52", "2001:db8::51");
        fake.nlm.addAll(List.of(FakeServers.nlm(HERE, 4, 0), FakeServers.nlm(THERE, 5, 0)));

        Outcome dry = run("192.0.2.1", true);
        Outcome outcome = run("192.0.2.1", false);

        assertEquals(1, table(dry.text()).size(), "the other file system is not the service's");
        assertTrue(dry.text().contains("all of them were taken through it"), dry.text());
        assertEquals(List.of("192.0.2.51", "192.0.2.52"), told, "unlock_ip did nothing, and these are of the address's family");
        assertTrue(outcome.complete(), outcome.text());
        assertTrue(outcome.text().contains("seen: 1 of 1 NLM locks and waiters are gone\n"), outcome.text());
        assertEquals(1, fake.nlm.size());
    }

    @Test
    void nobodyIsToldWhereUnlockIpWorks() throws Exception {
        monitors(service(), "192.0.2.51");
        fake.nlm.add(FakeServers.nlm(HERE, 4, 0));
        fake.effect = (file, text) -> fake.nlm.clear();

        assertTrue(run("192.0.2.1", false).complete());

        assertEquals(List.of(), told);
    }

    @Test
    void theOnlyIpv6AddressStandsForTheHostsWithOne() throws Exception {
        monitors(service("ip", "192.0.2.1/24 2001:db8::1/64"), "192.0.2.51", "2001:db8::51");
        fake.nlm.addAll(List.of(FakeServers.nlm(HERE, 4, 0), FakeServers.nlm(HERE, 6, 0)));
        fake.effect = (file, text) -> {
            throw KernelException.of("write", file, Errno.EINVAL);
        };

        Outcome outcome = run("2001:db8::1", false);

        assertEquals(List.of("2001:db8::51"), told);
        assertTrue(outcome.complete(), outcome.text());
        assertTrue(outcome.text().contains("unlock_ip: write unlock_ip: EINVAL\n"), outcome.text());
        assertTrue(outcome.text().contains("seen: 1 of 2 NLM locks and waiters are gone; the others are of hosts of the other"
                + " family\n"), outcome.text());
    }

    /** It may have gone by itself. */
    @Test
    void aLockThatIsGoneIsNoProofThatUnlockIpWorks() throws Exception {
        monitors(service("ip", "192.0.2.1/24 2001:db8::1/64"), "192.0.2.51", "2001:db8::51");
        fake.nlm.addAll(List.of(FakeServers.nlm(HERE, 4, 0), FakeServers.nlm(HERE, 6, 0), FakeServers.nlm(HERE, 7, 0)));
        fake.effect = (file, text) -> fake.nlm.remove(2);

        run("192.0.2.1", false);

        assertEquals(List.of("192.0.2.51"), told);
    }

    @Test
    void oneOfSeveralAddressesOfAFamilyStandsForNothing() throws Exception {
        monitors(service("ip", "192.0.2.1/24 192.0.2.2/24"), "192.0.2.51");
        fake.nlm.add(FakeServers.nlm(HERE, 4, 0));

        assertFalse(run("192.0.2.1", false).complete());

        assertEquals(List.of(), told);
        assertEquals(1, fake.nlm.size());
    }

    @Test
    void aHostThatLockdWasNotToldOfIsNamed() throws Exception {
        monitors(service("ip", "192.0.2.1/24 2001:db8::1/64"), "192.0.2.51");
        fake.nlm.add(FakeServers.nlm(HERE, 4, 0));
        refusal = new IOException("it does not answer");

        Outcome outcome = run("192.0.2.1", false);

        assertFalse(outcome.complete());
        assertTrue(outcome.text().contains("lockd was not told of 192.0.2.51: it does not answer\n"), outcome.text());
    }

    @Test
    void badAddresses() {
        for (String bad : List.of("web", "192.0.2.1/24", "192.0.2.300", "")) {
            refused(OcfCode.ARGS, "is not an IPv4 or IPv6 address", bad);
        }
        refused(OcfCode.ARGS, "is no address that a client can have mounted from", "0.0.0.0");
        refused(OcfCode.ARGS, "is no address that a client can have mounted from", "ff02::1");
        refused(OcfCode.ARGS, "is an address of neither this node nor a service of it", "192.0.2.99");
    }

    @Test
    void withoutItsServerThereIsNothingToDo() throws Exception {
        fake.threads(0);
        refused(OcfCode.NOT_RUNNING, "the node's own nfsd does not run, and 192.0.2.9 is no address of a service", "192.0.2.9");
        service();
        refused(OcfCode.NOT_RUNNING, "service web does not run", "192.0.2.1");
    }
}
