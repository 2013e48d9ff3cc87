// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.when;

import java.nio.file.Files;
import java.nio.file.Path;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeGraceTest {
    @TempDir
    private Path dir;

    private FakeRestart node;

    @BeforeEach
    void aNode() throws Exception {
        node = new FakeRestart(dir);
    }

    private void require(Operation operation) throws Exception {
        ArrivingService arriving = ArrivingService.of(operation, node.records);
        node.grace.require(operation, arriving.hosts(), !arriving.clients().isEmpty());
    }

    @Test
    void aServiceOfWhichGraceIsHalfOverStaysClosed() throws Exception {
        Operation web = node.operation("web");
        assertThrows(OcfException.class, () -> require(web));

        node.server.start(8, null);

        require(web);
        when(node.fake.node.bootSeconds()).thenReturn(126.0);
        OcfException e = assertThrows(OcfException.class, () -> require(web));
        assertTrue(e.getMessage().startsWith("service web: 26 s of NLM's grace period (50 s) were over"), e.getMessage());
        assertTrue(e.getMessage().contains("set grace-time=60 or more"), e.getMessage());
        when(node.fake.node.bootSeconds()).thenReturn(225.0);
        e = assertThrows(OcfException.class, () -> require(web));
        assertFalse(e.getMessage().contains("grace-time"), "NLM's cannot be as long: " + e.getMessage());
    }

    @Test
    void itIsThePeriodOfThoseWhoHaveToReclaim() throws Exception {
        Operation web = node.operation("web");
        Files.delete(web.state().nsm().resolve("192.0.2.7"));
        require(web); // nobody
        Files.writeString(web.state().clients(), "6161");
        Files.writeString(dir.resolve("nfsd/nfsv4gracetime"), "90\n");
        Files.writeString(dir.resolve("nfsd/v4_end_grace"), "N\n");

        OcfException e = assertThrows(OcfException.class, () -> require(web));

        assertTrue(e.getMessage().contains("NFSv4's grace period (90 s)"), e.getMessage());
    }

    /** It would be refused for ever: lockd gets no grace. */
    @Test
    void hostsOfAnNfsdWithoutNfsV3AreNoReasonToStayClosed() throws Exception {
        Operation web = node.operation("web");
        when(node.lockd.graceEnded()).thenReturn(true);
        node.server.start(8, null);
        assertThrows(OcfException.class, () -> require(web));

        Files.writeString(node.fake.root.resolve("versions"), "-3 +4 +4.0 +4.1 +4.2\n");
        require(web);

        assertEquals(1, node.said.size(), node.said.toString());
        assertTrue(node.said.get(0).contains("the node's nfsd does not offer NFSv3"), node.said.get(0));
    }

    @Test
    void halfOfItIsEnough() {
        assertFalse(new NodeGrace.Period("NLM", false, 50).isTooShort(25));
        assertTrue(new NodeGrace.Period("NLM", false, 50).isTooShort(26));
        assertTrue(new NodeGrace.Period("NLM", true, 50).isTooShort(0));
    }

    @Test
    void theTimeToBeSetIsARoundOneThatLockdCanHave() {
        assertTrue(NodeGrace.remedy(26).contains("grace-time=60 "));
        assertTrue(NodeGrace.remedy(120).contains("grace-time=240 "));
        assertEquals("", NodeGrace.remedy(121));
    }
}
