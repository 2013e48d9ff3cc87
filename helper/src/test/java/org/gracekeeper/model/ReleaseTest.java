// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.gracekeeper.model.Nfs4Client.State;
import org.gracekeeper.model.Nfs4Client.Type;
import org.junit.jupiter.api.Test;

class ReleaseTest {
    private static final DeviceId HERE = new DeviceId(254, 16);
    private static final DeviceId THERE = new DeviceId(254, 32);

    private static State state(String id, Type type, DeviceId device, long inode) {
        return new State(id, type, "", device, inode, false);
    }

    private static Nfs4Client client(long id, State... states) {
        return new Nfs4Client(id, "192.0.2." + id + ":800", "confirmed", new byte[] {(byte) id}, 2, List.of(states),
                Long.toString(id), 0, "UP", 0);
    }

    private static LockLine nlm(long inode, long start) {
        return new LockLine(LockLine.Kind.POSIX, LockLine.Access.WRITE, 99, HERE, inode, start, start + 9, false);
    }

    private static Release of(List<LockLine> nlm, Nfs4Client... clients) {
        return Release.of(Set.of(HERE), nlm, List.of(), List.of(clients));
    }

    @Test
    void aClientBelongsHereWhoseStateIsAllHere() {
        Nfs4Client only = client(1, state("a", Type.OPEN, HERE, 7), state("b", Type.LOCK, HERE, 7));
        Nfs4Client both = client(2, state("c", Type.OPEN, HERE, 8), state("d", Type.DELEG, THERE, 9));
        Nfs4Client none = client(3, state("e", Type.OPEN, THERE, 9));
        Nfs4Client idle = client(4);

        Release release = of(List.of(), only, both, none, idle);

        assertEquals(List.of(only), release.whole());
        assertEquals(3, release.states().size());
        assertEquals(List.of(false, false, true), release.states().stream().map(Release.Held::elsewhere).toList());
        assertTrue(release.mayBeElsewhere(nlm(8, 0)), "inode 8 is the one of the client with state elsewhere");
        assertFalse(release.mayBeElsewhere(nlm(7, 0)));
    }

    @Test
    void stateThatMayBeAnywhereIsElsewhere() {
        assertEquals(List.of(), of(List.of(), client(1, state("a", Type.OPEN, HERE, 7), state("b", Type.LAYOUT, null, 0))).whole());
        assertEquals(List.of(), of(List.of(), client(1, state("a", Type.OPEN, HERE, 7), state("", Type.UNKNOWN, null, 0))).whole());
    }

    @Test
    void whatIsRevokedIsHeldByNobody() {
        Nfs4Client client = client(1, new State("a", Type.OPEN, "rw", HERE, 7, true), new State("b", Type.LOCK, "", null, 0, true));
        assertTrue(of(List.of(), client).isEmpty());
        Nfs4Client partly = client(2, new State("a", Type.OPEN, "rw", null, 0, true), state("b", Type.OPEN, HERE, 7));
        assertEquals(List.of(partly), of(List.of(), partly).whole());
    }

    @Test
    void whatIsLeftIsCounted() {
        Release before = of(List.of(nlm(1, 0), nlm(1, 0), nlm(2, 0)),
                client(1, state("00000001aa", Type.OPEN, HERE, 7), state("00000001bb", Type.LOCK, HERE, 7)));
        Release now = of(List.of(nlm(1, 0), nlm(3, 0)),
                client(1, state("00000005bb", Type.LOCK, HERE, 7)), client(2, state("00000001aa", Type.OPEN, HERE, 7)));

        Release left = before.leftIn(now);

        assertEquals(List.of(nlm(1, 0)), left.nlm(), "once of twice; and what is new is not of before");
        assertEquals(List.of("00000001bb"), left.states().stream().map(held -> held.state().stateid()).toList(),
                "the same state with another sequence number; not another client's with the same number");
        assertEquals(2, left.size());
        assertTrue(before.leftIn(of(List.of())).isEmpty());
    }

    @Test
    void manyLocksAreComparedQuickly() {
        List<LockLine> many = IntStream.range(0, 50_000).mapToObj(i -> nlm(1, 10L * i)).toList();
        assertEquals(50_000, of(many).leftIn(of(many)).size());
    }

    @Test
    void addresses() throws Exception {
        InetAddress four = InetAddress.getByName("192.0.2.1");
        InetAddress other = InetAddress.getByName("192.0.2.2");
        InetAddress six = InetAddress.getByName("2001:db8::1");
        assertEquals(AddressScope.ALL, AddressScope.of(four, List.of()));
        assertEquals(AddressScope.FAMILY, AddressScope.of(four, List.of(six)));
        assertEquals(AddressScope.UNKNOWN, AddressScope.of(four, List.of(six, other)));
    }
}
