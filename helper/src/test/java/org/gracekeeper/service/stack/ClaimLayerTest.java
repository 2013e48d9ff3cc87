// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.state.Claim;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClaimLayerTest {
    private static final int GENERATION = 41;

    @TempDir
    private Path run;

    @TempDir
    private Path dir;

    private final List<String> said = new ArrayList<>();
    private StateDirectory state;
    private LedgerStore ledgers;
    private Registry registry;
    private ClaimLayer layer;

    @BeforeEach
    void aServiceThatWasStoppedInOrder() throws Exception {
        Kernel kernel = LinuxKernel.load();
        DurableFiles files = new DurableFiles(kernel);
        state = new StateDirectory(dir);
        ledgers = new LedgerStore(files);
        registry = new Registry(run, files, Metadata.defaults());
        layer = layer(ledgers);
        registry.save(TestService.at(dir), TestService.parameters(dir));
        for (Path each : List.of(state.nsm(), state.sm())) {
            Files.createDirectories(each);
        }
        record("web");
        ledger("web");
    }

    private ClaimLayer layer(LedgerStore store) {
        Kernel kernel = LinuxKernel.load();
        DurableFiles files = new DurableFiles(kernel);
        return new ClaimLayer(
                new Node(kernel, null), registry, files, null, new Reserve(kernel, files), store, mock(TimelineLog.class));
    }

    private void record(String service) throws Exception {
        record(service, true);
    }

    private void record(String service, boolean clean) throws Exception {
        Files.write(state.record(), new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(
                new Claim(1, service, service, "node1", "boot", GENERATION, 120, 120, clean)));
    }

    private void ledger(String service) throws Exception {
        ledgers.write(state, new Ledger(service, GENERATION, service, 90, 90, "", "", List.of(), List.of(), List.of()));
    }

    private Claim start() throws Exception {
        layer.up(TestService.operation(TestService.at(dir), said));
        return ClaimStore.read(state);
    }

    private OcfException refused() {
        OcfException e = assertThrows(OcfException.class, this::start);
        assertFalse(Files.exists(dir.resolve("gracekeeper.json.damaged")), "nothing is left in another's directory");
        return e;
    }

    private void cut(int bytes) throws Exception {
        Files.writeString(state.record(), Files.readString(state.record()).substring(0, bytes));
    }

    private int until(String field) throws Exception {
        return Files.readString(state.record()).indexOf("\"" + field + "\"");
    }

    @Test
    void oneKindOfDeviceOnAParent() throws Exception {
        Parameters other = TestService.parameters(dir, "ip", "192.0.2.2/24", "link_type", "macvlan");
        registry.save(TestService.of("db", other), other);

        String why = refused().getMessage();

        assertTrue(why.contains("eth0 already carries macvlan, for service db") && why.contains("link_type=macvlan"), why);
    }

    /** It may be refused itself, and its stop may be long in coming. */
    @Test
    void aStartWithoutAClaimIsInNobodysWay() throws Exception {
        Parameters parameters = TestService.parameters(dir);
        RunningService other = TestService.of("db", parameters);
        registry.begin(other, parameters);

        assertEquals(GENERATION + 1, start().generation());

        registry.claim(other.config().name(), others -> { });
        assertTrue(refused().getMessage().contains("192.0.2.1 is already an address of service db"));
    }

    /** Each looks at what others have, reads its storage, which may take long, and only then has its claim. */
    @Test
    void ofTwoThatStartAtOnceOneGetsWhatBothWant() throws Exception {
        Parameters parameters = TestService.parameters(dir);
        RunningService other = TestService.of("db", parameters);
        registry.begin(TestService.at(dir), parameters);
        registry.begin(other, parameters);
        LedgerStore meanwhile = mock(LedgerStore.class);
        when(meanwhile.stored(any())).thenAnswer(call -> {
            registry.claim(other.config().name(), others -> { });
            return Optional.empty();
        });
        layer = layer(meanwhile);
        cut(5); // has the ledger read

        assertTrue(refused().getMessage().contains("192.0.2.1 is already an address of service db"));

        assertFalse(registry.isClaimed(TestService.at(dir).config().name()));
    }

    @Test
    void theClaimIsMadeBeforeAnythingIsWritten() throws Exception {
        Parameters parameters = TestService.parameters(dir);
        ServiceName web = TestService.at(dir).config().name();
        registry.begin(TestService.at(dir), parameters);
        assertEquals("it has nothing on this node yet: its start has just begun, or was cut short",
                layer.check(TestService.operation(TestService.at(dir), said)).orElseThrow());
        record("db");
        refused();
        assertFalse(registry.isClaimed(web));
        record("web");

        start();

        assertTrue(registry.isClaimed(web));
        assertEquals("its start goes on, or was cut short: clients may not know yet that it is here",
                layer.check(TestService.operation(TestService.at(dir), said)).orElseThrow());
        registry.complete(web);
        assertEquals(Optional.empty(), layer.check(TestService.operation(TestService.at(dir), said)));
    }

    @Test
    void countsOn() throws Exception {
        assertEquals(GENERATION + 1, start().generation());
        assertTrue(ledgers.find(state).ledger().isPresent());
    }

    @Test
    void thatAnotherNodeDidNotStopItIsAWarning() throws Exception {
        record("web", false);
        layer.up(TestService.withLevels(TestService.at(dir), said));
        assertTrue(said.contains("WARN node node1 did not stop the service in order: recovering as after a crash"),
                said.toString());
    }

    @Test
    void aFieldOfALaterVersionDoesNotMatter() throws Exception {
        Files.writeString(state.record(), Files.readString(state.record()).replaceFirst("\\{", "{ \"news\" : [1],"));

        assertEquals(GENERATION + 1, start().generation());

        assertTrue(ledgers.find(state).ledger().isPresent());
    }

    /** Every way in which it can be cut short, and some others. */
    @Test
    void aRecordCutShortCostsNoMoreThanTime() throws Exception {
        byte[] whole = Files.readAllBytes(state.record());
        for (int length = 0; length < whole.length - 1; length++) {
            record("web");
            cut(length);
            startsWithoutALedger();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "[]", "{}", "{\"format\":1}", "\0\0\0\0", "\u00ff\u00fe{", "{\"generation\": \"many\"}",
        "{\"format\":1,\"service\":\"web\",\"scope\":null,\"generation\":41}", "{\"generation\":999999999999999999999}"})
    void aRecordOfGarbageCostsNoMoreThanTime(String text) throws Exception {
        Files.write(state.record(), text.getBytes(StandardCharsets.ISO_8859_1));
        startsWithoutALedger();
    }

    private void startsWithoutALedger() throws Exception {
        byte[] damaged = Files.readAllBytes(state.record());
        said.clear();

        Claim claim = start();

        assertTrue(claim.generation() >= Math.max(GENERATION + 2, Instant.now().getEpochSecond() - 60));
        assertEquals(claim.generation(), registry.generation(TestService.at(dir).config().name()).orElseThrow());
        assertEquals(Optional.empty(), ledgers.find(state).ledger());
        assertTrue(ledgers.expectsAnybody(state));
        assertEquals("web", claim.service());
        assertTrue(said.stream().anyMatch(line -> line.contains("gracekeeper.json.damaged")), said.toString());
        assertEquals(new String(damaged, StandardCharsets.ISO_8859_1),
                Files.readString(dir.resolve("gracekeeper.json.damaged"), StandardCharsets.ISO_8859_1));
        assertEquals(claim.generation() + 1, start().generation(), "from then on as ever");
    }

    @Test
    void aMissingRecordCostsNoMoreThanTime() throws Exception {
        Files.delete(state.record());

        Claim claim = start();

        assertTrue(claim.generation() >= Instant.now().getEpochSecond() - 60);
        assertEquals(Optional.empty(), ledgers.find(state).ledger());
        assertFalse(ledgers.find(state).first(), "or that there is no ledger would be no warning");
        assertTrue(ledgers.expectsAnybody(state));
        assertTrue(said.stream().anyMatch(line -> line.contains("gracekeeper.json is missing")), said.toString());
        assertFalse(Files.exists(dir.resolve("gracekeeper.json.damaged")));
        assertEquals(claim.generation() + 1, start().generation(), "from then on as ever");
    }

    /** After a crash there is no ledger that would tell of a service. */
    @Test
    void norDoesOneWithoutALedger() throws Exception {
        Files.delete(state.record());
        Files.delete(state.ledger());
        Files.createDirectories(state.clientDatabase().getParent());
        Files.createFile(state.clientDatabase());
        assertTrue(start().generation() > GENERATION);
        assertTrue(said.stream().anyMatch(line -> line.contains("taken for granted")), said.toString());
    }

    @Test
    void aDirectoryWithoutAServiceIsNew() throws Exception {
        Files.delete(state.record());
        Files.delete(state.ledger());
        assertEquals(1, start().generation());
        assertEquals(List.of(), said);
    }

    @Test
    void theLedgerOfAMissingRecordTellsWhoseDirectoryItIs() throws Exception {
        Files.delete(state.record());
        ledger("db");
        assertTrue(refused().getMessage().contains("belongs to service db"));
    }

    /** The hosts in it may be all there were: without a ledger, an empty recovery set would end NLM grace at once. */
    @Test
    void missingDirectoriesOfHostsAreNoted() throws Exception {
        start();
        assertFalse(Files.exists(state.nsmLost()));
        for (Path each : List.of(state.nsm(), state.sm())) {
            Files.delete(each);
            said.clear();
            start();
            assertTrue(Files.exists(state.nsmLost()), each.toString());
            assertTrue(said.stream().anyMatch(line -> line.contains(each + " is not there")), said.toString());
            Files.delete(state.nsmLost());
        }
        start();
        assertFalse(Files.exists(state.nsmLost()), "it has made them again");
    }

    @Test
    void thereAreNoneAtTheFirstStartNorWithoutNfsV3() throws Exception {
        Files.delete(state.nsm());
        layer.up(TestService.operation(TestService.at(dir, "versions", "4.1 4.2"), said));
        assertFalse(Files.exists(state.nsmLost()));
        Files.delete(state.nsm());
        Files.delete(state.record());
        Files.delete(state.ledger());
        start();
        assertFalse(Files.exists(state.nsmLost()));
        assertTrue(Files.isDirectory(state.nsm()));
    }

    @Test
    void theNumberIsBeyondALedgerThatIsFurther() throws Exception {
        long further = Instant.now().getEpochSecond() + 1_000_000; // of an earlier damage, and another clock
        ledgers.write(state, ledgers.stored(state).orElseThrow().of(further));
        cut(5);
        assertEquals(further + 2, start().generation());
        assertEquals(Optional.empty(), ledgers.find(state).ledger());
    }

    @Test
    void theLeaseThatCanStillBeReadIsKept() throws Exception {
        cut(until("graceTime"));
        assertEquals(120, ClaimStore.leaseTime(state));
        assertEquals(120, start().leaseTime());
        Files.writeString(state.record(), "{ \"leaseTime\" : 99999, ");
        assertEquals(0, ClaimStore.leaseTime(state));
    }

    @Test
    void aDamagedRecordOfAnotherServiceIsStillItsOwn() throws Exception {
        record("db");
        cut(until("scope"));
        OcfException e = refused();
        assertEquals(OcfCode.CONFIGURED, e.code());
        assertTrue(e.getMessage().contains("belongs to service db"), e.getMessage());
    }

    @Test
    void whereTheRecordTellsNothingTheLedgerTellsWhoseDirectoryItIs() throws Exception {
        Files.write(state.record(), new byte[100]);
        ledger("db");
        assertTrue(refused().getMessage().contains("belongs to service db"));
    }

    @Test
    void whereNothingTellsItIsSaidSo() throws Exception {
        Files.write(state.record(), new byte[100]);
        Files.delete(state.ledger());
        start();
        assertTrue(said.stream().anyMatch(line -> line.contains("taken for granted")), said.toString());
    }

    @Test
    void aLaterFormatIsRefusedEvenIfItCannotBeRead() throws Exception {
        Files.writeString(state.record(), "{ \"format\" : 2, \"service\" : { \"name\" : \"web\" } }");
        OcfException e = refused();
        assertEquals(OcfCode.ARGS, e.code());
        assertTrue(e.getMessage().contains("has format 2"), e.getMessage());
    }
}
