// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.shared.SharedOwners.Arrival;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedOwnersTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final ServiceName DB = new ServiceName("db");
    private static final String HERE = "boot-3";

    private static Arrival arrival(ServiceName name, String from, String... owners) {
        return new Arrival(name, from, List.of(owners));
    }

    @Test
    void aClientThatIsHereAlreadyIsMet() {
        assertEquals(Map.of(WEB, Set.of("61")),
                SharedOwners.meeting(List.of(arrival(WEB, "boot-1", "61", "62")), Set.of("61", "63"), HERE));
    }

    @Test
    void oneThatWasAlwaysHereIsOneClient() {
        assertEquals(Map.of(), SharedOwners.meeting(List.of(arrival(WEB, HERE, "61")), Set.of("61"), HERE));
    }

    @Test
    void servicesThatComeTogetherFromSeveralNodesMeet() {
        assertEquals(Map.of(WEB, Set.of("61"), DB, Set.of("61")), SharedOwners.meeting(
                List.of(arrival(WEB, "boot-1", "61", "62"), arrival(DB, "boot-2", "61")), Set.of(), HERE));
    }

    @Test
    void fromOneNodeTheyBringOneClient() {
        assertEquals(Map.of(), SharedOwners.meeting(
                List.of(arrival(WEB, "boot-1", "61"), arrival(DB, "boot-1", "61")), Set.of(), HERE));
    }

    @Test
    void whoHasSomethingThereStillIsNamed(@TempDir Path dir) throws Exception {
        SharedOwners owners = new SharedOwners(dir, new DurableFiles(LinuxKernel.load()));
        RunningService web = TestService.at(Files.createDirectories(dir.resolve("state")), "instance", "node");
        Files.createDirectories(dir.resolve("web"));
        assertEquals(Optional.empty(), owners.remark(web));
        owners.note(WEB, Set.of("c27fff"));
        Files.writeString(web.state().clients(), "from boot-3\n61\nc27fff");
        assertEquals(Optional.of(SharedOwners.text(Set.of("c27fff"))), owners.remark(web));
        assertEquals("docs/limits.md: ???", SharedOwners.text(Set.of("c27fff")).replaceAll(".* see ", ""));

        Files.writeString(web.state().clients(), "from boot-3\n61");

        assertEquals(Optional.empty(), owners.remark(web));
    }

    @Test
    void whereClientsComeFromIsRecordedWithThem(@TempDir Path dir) throws Exception {
        StateDirectory state = new StateDirectory(dir);
        assertEquals("", SharedRecordsLayer.clientsFrom(state));
        Files.writeString(state.clients(), "from 5f0c9a3e-0001\n61\nzz\n62");
        assertEquals("5f0c9a3e-0001", SharedRecordsLayer.clientsFrom(state));
        assertEquals(List.of("61", "62"), SharedRecordsLayer.clients(state));
        Files.writeString(state.clients(), "61");
        assertEquals("", SharedRecordsLayer.clientsFrom(state));
    }
}
