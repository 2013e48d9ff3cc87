// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LedgerStoreTest {
    private static final Ledger LEDGER = new Ledger("web", 7, "web", 30, 60, "", "",
            List.of(new Range("/srv/a", 12, LockLine.Access.WRITE, 0, LockLine.EOF, 1)), List.of(),
            List.of(new HeldState("6162", "ab", "[2001:db8::1]:817", 0,
                    List.of(new HeldState.FileState("/srv/a", -5, "rw")), List.of(), 1)));

    @TempDir
    private Path dir;

    private StateDirectory state;
    private LedgerStore store;

    @BeforeEach
    void aLedgerOfTheStopBeforeThisStart() throws IOException {
        state = new StateDirectory(dir);
        store = new LedgerStore(new DurableFiles(LinuxKernel.load()));
        start(8, "web");
        store.write(state, LEDGER);
    }

    private void start(long generation, String scope) throws IOException {
        new ObjectMapper().writeValue(state.record().toFile(),
                new Claim(1, "web", scope, "node1", "boot", generation, 30, 60, false));
    }

    private void isNone(String because) {
        LedgerStore.Found found = store.find(state);
        assertEquals(Optional.empty(), found.ledger());
        assertTrue(found.problem().contains(because), found.problem());
    }

    @Test
    void comesBackAsItWas() {
        assertEquals(Optional.of(LEDGER), store.find(state).ledger());
    }

    @Test
    void isGoodForTheVeryNextStartOnly() throws IOException {
        start(9, "web");
        isNone("not stopped in order");
        start(7, "web");
        isNone("not stopped in order");
    }

    @Test
    void atTheFirstStartThereCanBeNone() throws IOException {
        start(9, "web");
        assertFalse(store.find(state).first());
        start(1, "web");
        isNone("first start");
        assertTrue(store.find(state).first());
    }

    @Test
    void ofAnotherScopeIsNone() throws IOException {
        start(8, "db");
        isNone("scope");
    }

    @Test
    void missingIsNone() throws IOException {
        Files.delete(state.ledger());
        isNone("never stopped in order");
        Files.delete(state.record());
        isNone("no record");
    }

    @Test
    void anyByteLessIsNone() throws IOException {
        byte[] all = Files.readAllBytes(state.ledger());
        for (int length = 0; length < all.length; length++) {
            Files.write(state.ledger(), Arrays.copyOf(all, length));
            assertEquals(Optional.empty(), store.find(state).ledger(), length + " bytes");
        }
    }

    @Test
    void anyByteChangedIsNone() throws IOException {
        byte[] all = Files.readAllBytes(state.ledger());
        for (int at = 0; at < all.length; at++) {
            byte[] damaged = all.clone();
            damaged[at] ^= 1;
            Files.write(state.ledger(), damaged);
            assertEquals(Optional.empty(), store.find(state).ledger(), "byte " + at);
        }
    }

    @Test
    void withFieldsOfAnotherVersionIsNone() throws Exception {
        byte[] all = Files.readAllBytes(state.ledger());
        String text = new String(all, StandardCharsets.UTF_8);
        String body = text.substring(text.indexOf('\n') + 1).replaceFirst("\\{", "{\"news\":1,");
        String sum = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256")
                .digest(body.getBytes(StandardCharsets.UTF_8)));
        Files.writeString(state.ledger(), "gracekeeper-ledger 1 " + sum + "\n" + body);
        isNone("news");
    }
}
