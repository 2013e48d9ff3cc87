// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.FileSystems;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Mutations;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.Nfs4Client.State;
import org.gracekeeper.model.Nfs4Client.Type;
import org.gracekeeper.model.UnexpectedFormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClientInfoTest {
    @Test
    void linux61() throws Exception {
        Nfs4Client client = parse("linux-6.1");

        assertEquals(0xb6d1a3a966f1e4c2L, client.clientid());
        assertEquals("192.0.2.21:817", client.address());
        assertEquals("confirmed", client.status());
        assertFalse(client.courtesy());
        assertArrayEquals("Linux NFSv4.2 client-1.example\"q\\/\u00e9".getBytes(StandardCharsets.UTF_8),
                client.ownerId());
        assertEquals(2, client.minorVersion());
        assertEquals(12, client.secondsIdle());
        assertEquals("UP", client.callbackState());
        assertEquals(0, client.revokedStates());
        DeviceId device = new DeviceId(0xfe, 1);
        assertEquals(List.of(
                new State("00000001c2e4f166a9a3d1b600000000", Type.OPEN, "rw", device, 131074, false),
                new State("00000003c2e4f166a9a3d1b601000000", Type.LOCK, "", device, 131074, false),
                new State("00000001c2e4f166a9a3d1b602000000", Type.DELEG, "r", device, 131075, false),
                new State("00000001c2e4f166a9a3d1b603000000", Type.LAYOUT, "", device, -2, false)), client.states());
    }

    @Test
    void linux612() throws Exception {
        Nfs4Client client = parse("linux-6.12");

        assertEquals("[2001:db8::21]:908", client.address());
        assertTrue(client.courtesy());
        assertEquals("Linux NFSv4.0 [2001:db8::21]/[2001:db8::100]", client.ownerName());
        assertEquals(0, client.minorVersion());
        assertEquals(2, client.revokedStates());
        DeviceId device = new DeviceId(0, 0x2d);
        assertEquals(List.of(
                new State("00000001c2e4f1664d3c2b1a00000000", Type.OPEN, "r-", device, 131074, false),
                new State("00000003c2e4f1664d3c2b1a02000000", Type.LOCK, "", null, 0, true),
                new State("00000001c2e4f1664d3c2b1a03000000", Type.DELEG, "w", device, 131075, true),
                new State("00000001c2e4f1664d3c2b1a04000000", Type.DELEG, "r", null, 0, false),
                new State("00000001c2e4f1664d3c2b1a05000000", Type.LAYOUT, "", null, 0, false),
                new State("00000001c2e4f1664d3c2b1a06000000", Type.OPEN, "rw", device, 131076, false)),
                client.states());
    }

    @Test
    void aFileNameCannotHideOrMoveAState() {
        String line = "- 0x00000001c2e4f166a9a3d1b600000000: { type: open, access: rw, deny: --, superblock: \"08:01:5\","
                + " filename: \"x\", superblock: \"08:02:6\" }\", owner: \"o\" }\n";

        assertEquals(List.of(new State("00000001c2e4f166a9a3d1b600000000", Type.OPEN, "rw", new DeviceId(8, 1), 5,
                false)), ClientInfo.parseStates(line));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "- 0x00000001c2e4f166a9a3d1b600000000: { type: dirdeleg, superblock: \"08:01:5\" }",
        "- 00000001c2e4f166a9a3d1b600000000: { type: open, access: rw, deny: -- }",
        "- { stateid: 0x00000001c2e4f166a9a3d1b600000000, type: open }",
        "open 00000001c2e4f166a9a3d1b600000000 rw"})
    void aStateOfAFormThatIsNotKnownIsHeldAllTheSame(String line) throws Exception {
        Nfs4Client client = ClientInfo.parse("5", Fixtures.read("linux-6.1/client-info"), line + "\n");

        assertEquals(List.of(new State("", Type.UNKNOWN, "", null, 0, false)), client.states());
        assertTrue(client.holdsState());
        assertFalse(HeldState.of(client, new FileSystems(Map.of(), true)).holdsNothing());
    }

    @Test
    void anOpenThatWasClosedIsNoState() {
        assertEquals(List.of(), ClientInfo.parseStates("- 0x00000001c2e4f166a9a3d1b600000000: { type: open, access: r-,"
                + " deny: --, closed, owner: \"o\" }\n"));
    }

    @Test
    void escapesOfAllKernels() {
        assertArrayEquals(new byte[] {'a', 0, (byte) 0xff, '\\', 'x', 'g', '0'},
                ClientInfo.unescaped("a\\x00\\377\\xg0"));
    }

    @Test
    void aClientWithoutStateHoldsNothing() throws Exception {
        Nfs4Client idle = ClientInfo.parse("5", Fixtures.read("linux-6.1/client-info"), "");

        assertFalse(idle.holdsState());
        assertTrue(parse("linux-6.1").holdsState());
    }

    @Test
    void whatIsMissingIsTyped() {
        assertThrows(UnexpectedFormatException.class, () -> ClientInfo.parse("5", "", ""));
        assertThrows(UnexpectedFormatException.class, () -> ClientInfo.parse("5", "clientid: 0xzz\n", ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux-6.1", "linux-6.12"})
    void damageIsTyped(String kernel) throws Exception {
        String states = Fixtures.read(kernel + "/states");
        Mutations.feed(Fixtures.read(kernel + "/client-info"), 20_000, UnexpectedFormatException.class,
                text -> ClientInfo.parse("7", text, states));
        Mutations.feed(states, 20_000, UnexpectedFormatException.class, ClientInfo::parseStates);
    }

    private static Nfs4Client parse(String kernel) throws Exception {
        return ClientInfo.parse("7", Fixtures.read(kernel + "/client-info"), Fixtures.read(kernel + "/states"));
    }
}
