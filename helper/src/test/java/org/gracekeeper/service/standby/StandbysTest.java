// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandbysTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final StandbyPlan PLAN = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.MACVLAN, true);
    private static final StandbyRecord RECORD = StandbyRecord.begun(new StandbyBasis(PLAN, "bridge", 2, 1500, "1f"));

    @TempDir
    private Path dir;

    private Standbys standbys;

    @BeforeEach
    void files() {
        standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("lib/plans"),
                new DurableFiles(LinuxKernel.load()));
    }

    /** Of an earlier version's, a start would take the firewall over as it was then. */
    @Test
    void anotherFirewallIsAnotherFormat() {
        CRC32 sum = new CRC32();
        sum.update((Firewall.table(true) + Firewall.table(false)).getBytes(StandardCharsets.UTF_8));
        assertEquals("2 fee46b8d", StandbyRecord.FORMAT + " " + Long.toHexString(sum.getValue()),
                "count StandbyRecord.FORMAT up, and put down here what it is now");
    }

    @Test
    void aStandbyIsKnownFromTheFirstStepToTheLast() throws Exception {
        assertFalse(standbys.stands(WEB));
        assertEquals(Set.of(), standbys.standing());
        standbys.record(WEB, RECORD);
        assertTrue(standbys.stands(WEB));
        assertFalse(standbys.record(WEB).orElseThrow().isComplete());
        StandbyRecord complete = RECORD.complete(new ServiceNamespaces.Numbers(4026532281L, 4026532282L), 2);
        standbys.record(WEB, complete);
        assertEquals(Optional.of(complete), standbys.record(WEB));
        assertTrue(complete.isComplete());
        assertEquals(Set.of(WEB), standbys.standing());
        standbys.forget(WEB);
        standbys.forget(WEB);
        assertFalse(standbys.stands(WEB));
    }

    /** In one step: at no moment is it both the service's and nobody's, or neither. */
    @Test
    void whatIsTakenOverIsAmongTheServicesOwnFiles() throws Exception {
        standbys.record(WEB, RECORD);
        Files.createDirectories(dir.resolve("services/web"));
        standbys.adopt(WEB);
        assertFalse(standbys.stands(WEB));
        assertTrue(standbys.isAdopted(WEB));
        assertTrue(Files.exists(dir.resolve("services/web/prepared")));
        standbys.spend(WEB);
        standbys.spend(WEB);
        assertFalse(standbys.isAdopted(WEB));
    }

    @Test
    void whatAnotherVersionMadeIsThereAndSaysNothing() throws Exception {
        standbys.record(WEB, RECORD);
        Path file = dir.resolve("standby/web");
        String text = Files.readString(file);
        Files.writeString(file, text.replaceFirst("\\{", "{\"more\":1,"));
        assertEquals(Optional.of(RECORD), standbys.record(WEB));
        for (String other : new String[] {"{\"format\":" + (StandbyRecord.FORMAT + 1) + text.substring(text.indexOf(',')), "{\"format\":1}", "{", "", "null"}) {
            Files.writeString(file, other);
            assertTrue(standbys.stands(WEB));
            assertEquals(Optional.empty(), standbys.record(WEB), other);
        }
    }

    @Test
    void plansOutliveAndAreWrittenWhenTheyDiffer() throws Exception {
        assertEquals(Set.of(), standbys.planned());
        standbys.plan(WEB, PLAN);
        Path file = dir.resolve("lib/plans/web");
        FileTime long1 = FileTime.fromMillis(1000);
        Files.setLastModifiedTime(file, long1);
        standbys.plan(WEB, PLAN);
        assertEquals(long1, Files.getLastModifiedTime(file), "the same is not written again");
        StandbyPlan other = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, true);
        standbys.plan(WEB, other);
        assertEquals(Optional.of(other), standbys.plan(WEB));
        Files.writeString(dir.resolve("lib/plans/.db.new"), "cut short");
        Files.writeString(file, "");
        assertEquals(Set.of(WEB), standbys.planned());
        assertEquals(Optional.empty(), standbys.plan(WEB));
        standbys.plan(WEB, other);
        assertEquals(Optional.of(other), standbys.plan(WEB));
        standbys.forgetPlan(WEB);
        standbys.forgetPlan(WEB);
        assertEquals(Set.of(), standbys.planned());
    }
}
