// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.release.FakeServers;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartClientsTest {
    @TempDir
    private Path dir;

    private FakeRestart node;

    @BeforeEach
    void aNode() throws Exception {
        node = new FakeRestart(dir);
    }

    @Test
    void thoseWithStateAreItsHolders() throws Exception {
        node.fake.client(7, "192.0.2.71:700", FakeServers.open(1, FakeServers.THERE, 1));
        node.fake.client(8, "192.0.2.72:700");
        assertEquals(Set.of("6337"), node.clients.holders());
    }

    @Test
    void theyAreRecordedWithSomeThatNeverCome() throws Exception {
        node.createDatabase();

        assertTrue(node.clients.record(List.of(node.arriving("web", "other-boot", "6161")), Set.of("6337")));

        assertTrue(node.recorded().containsAll(Set.of("6161", "6337")), node.recorded().toString());
        assertTrue(node.recorded().stream().anyMatch(RecordsLayer::isGraceHolder), node.recorded().toString());
    }

    @Test
    void thoseThatTheKernelMayHaveRecordedItselfAreNoReasonToFail() throws Exception {
        assertTrue(node.clients.record(List.of(node.arriving("web", "")), Set.of("6337")));
        assertFalse(node.clients.record(List.of(node.arriving("web", "")), Set.of()));
    }

    /** nfsdcld can do nothing with it either: nobody of the node could reclaim, whoever has come with the service. */
    @Test
    void aDamagedListIsAReasonForAStartToFailAndNotForAStop() throws Exception {
        Files.write(dir.resolve("main.sqlite"), new byte[1000]);
        ArrivingService arriving = node.arriving("web", "");

        IOException e = assertThrows(IOException.class, () -> node.clients.record(List.of(arriving), Set.of("6337")));
        assertTrue(e.getMessage().startsWith("the node's own list of NFSv4 clients is damaged"), e.getMessage());
        assertTrue(e.getMessage().contains("put " + dir.resolve("main.sqlite") + " back"), e.getMessage());

        assertTrue(node.clients.record(List.of(), Set.of("6337")));
        node.clients.verify(List.of(arriving.operation()));
        assertTrue(node.said.stream().anyMatch(line -> line.contains("can reclaim, cannot be told")), node.said.toString());
    }

    /** Also in a recovery: then there is one, whether nfsd has found nfsdcld or not. */
    @Test
    void thatNfsdDidNotFindNfsdcldIsToldAlsoInARecovery() throws Exception {
        node.createDatabase();
        node.sql("CREATE TABLE \"rec-0000000000000002\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "UPDATE grace SET current = 2, recovery = 1;");
        ArrivingService arriving = node.arriving("web", "other-boot", "6161");
        node.clients.record(List.of(arriving), Set.of());

        node.clients.verify(List.of(arriving.operation()));
        assertTrue(node.said.stream().anyMatch(line -> line.startsWith("nfsd did not find nfsdcld")), node.said.toString());

        node.said.clear();
        node.sql("DELETE FROM \"rec-0000000000000002\""); // as nfsdcld does when nfsd asks it
        node.clients.verify(List.of(arriving.operation()));
        assertEquals(List.of(), node.said);
    }

    @Test
    void aHostThatWasAClientOfBothNodesIsNamed() throws Exception {
        Files.createDirectories(dir.resolve("services/web"));

        node.clients.tellMeetings(List.of(node.arriving("web", "other-boot", "6161", "6337")), Set.of("6337"));

        String why = "NFSv4 hosts used it on one node, and";
        assertTrue(node.said.stream().anyMatch(line -> line.startsWith(why) && line.endsWith(": c7")), node.said.toString());
        assertEquals("6337", Files.readString(dir.resolve("services/web/one-owner")));
    }
}
