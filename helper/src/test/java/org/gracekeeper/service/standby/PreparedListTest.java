// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.standby.PreparedList.Prepared;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreparedListTest {
    @TempDir
    private Path dir;

    private static StandbyRecord begun(String parent) {
        return StandbyRecord.begun(new StandbyBasis(
                new StandbyPlan(StandbyPlan.FORMAT, parent, LinkType.IPVLAN, true), "l2", 2, 1500, "1f"));
    }

    /** Of a service that is recorded there may still be a file of its standby, when its start has just begun. */
    @Test
    void whatStandsAndDoesNotRunIsThere() throws Exception {
        DurableFiles files = new DurableFiles(LinuxKernel.load());
        Registry registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        Standbys standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("plans"), files);
        PreparedList list = new PreparedList(registry, standbys);
        assertEquals(List.of(), list.all());
        standbys.record(new ServiceName("db"), begun("eth0").complete(new ServiceNamespaces.Numbers(1, 2), 2));
        standbys.record(new ServiceName("data"), begun("eth1"));
        Files.writeString(dir.resolve("standby/other"), "{}");
        standbys.record(new ServiceName("web"), begun("eth0"));
        Parameters parameters = TestService.parameters(dir);
        registry.begin(TestService.of("web", parameters), parameters);

        assertEquals(List.of(new Prepared(new ServiceName("data"), "eth1", false), new Prepared(new ServiceName("db"), "eth0", true),
                new Prepared(new ServiceName("other"), "", false)), list.all());
    }

    @Test
    void sixtyFourAreAFewLines() {
        List<Prepared> all = new ArrayList<>();
        for (int i = 10; i < 74; i++) {
            all.add(new Prepared(new ServiceName("service_" + i), i < 72 ? "eth0" : "eth1", i != 71));
        }
        String text = PreparedList.text(all);
        List<String> lines = text.lines().toList();
        assertTrue(lines.size() < 14 && lines.stream().allMatch(line -> line.length() <= 100), text);
        assertEquals("prepared in part, and not running here: service_71", lines.get(0));
        assertTrue(lines.get(1).startsWith("prepared on eth0, and not running here: service_10 service_11"), text);
        assertTrue(lines.get(2).startsWith("  service_"), text);
        assertEquals("prepared on eth1, and not running here: service_72 service_73", lines.get(lines.size() - 1));
        assertEquals(64, text.split("service_", -1).length - 1);
        assertEquals("", PreparedList.text(List.of()));
    }
}
