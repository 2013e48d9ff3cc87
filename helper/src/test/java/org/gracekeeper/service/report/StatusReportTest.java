// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.RecoveryDecision.Missing;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.action.Stacks;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.report.StatusReport.Holder;
import org.gracekeeper.service.report.StatusReport.ServiceStatus;
import org.gracekeeper.service.stack.LayerStack.LayerState;
import org.gracekeeper.service.standby.PreparedList;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatusReportTest {
    private static final ServiceStatus SERVING = new ServiceStatus("data_nfs", "serving", List.of("192.0.2.10/24"), "eth0",
            List.of("/srv/data"), "none", 12.3, 0, List.of(), List.of(), List.of(new LayerState("link", "ok")), "", List.of());
    private static final ServiceStatus REFUSED = new ServiceStatus("y", "serving", List.of("192.0.2.13/24"), "eth0",
            List.of("/srv/y"), "none", 0, 0, List.of(), List.of(), List.of(), "no client\nfor /srv/y", List.of());
    private static final ServiceStatus RECOVERING = new ServiceStatus("web", "recovering",
            List.of("192.0.2.11/24", "2001:db8::11/64"), "eth0", List.of("/srv/web"), "NLM and NFSv4", 12.3, 14,
            List.of(new Holder("NFSv4.2", "192.0.2.21:817", "confirmed, 2 states"),
                    new Holder("NFSv3", "192.0.2.22", "monitored by statd"), new Holder("NFSv3", "192.0.2.22", "may reclaim")),
            List.of(new Missing("NFSv3", "192.0.2.22", "of all such hosts: 1 of 2 locks back"),
                    new Missing("NFSv3", "192.0.2.23", "of all such hosts: 1 of 2 locks back")),
            List.of(new LayerState("link", "ok")), "", List.of());
    private static final ServiceStatus DAMAGED = new ServiceStatus("x", "damaged", List.of("192.0.2.12/24"), "eth0",
            List.of("/srv/x"), "unknown", 0, 0, List.of(), List.of(),
            List.of(new LayerState("link", "ok"), new LayerState("server", "somebody\nstopped it"),
                    new LayerState("open", "down")), "", List.of());

    private final PreparedList prepared = mock(PreparedList.class);

    @Test
    void severalServicesAreALineEach() {
        assertEquals("""
                SERVICE   STATE       ADDRESSES                      GRACE                CLIENTS  LOCKS  REMARK
                data_nfs  serving     192.0.2.10/24                  none                 0        0
                web       recovering  192.0.2.11/24 2001:db8::11/64  NLM and NFSv4, 12 s  2        14     2 missing
                x         damaged     192.0.2.12/24                  unknown              0        0      server: somebody stopped it
                """, StatusReport.table(List.of(SERVING, RECOVERING, DAMAGED)));
    }

    @Test
    void parametersThatWereRefusedAreAProblem() {
        String problem = "parameters of the last change are not in force: no client for /srv/y\n";
        assertTrue(StatusReport.table(List.of(SERVING, REFUSED)).endsWith("  " + problem));
        assertTrue(StatusReport.details(List.of(REFUSED)).endsWith("  problem    " + problem));
    }

    @Test
    void whatElseTheMonitorReportsIsARemark() {
        ServiceStatus mounted = new ServiceStatus("z", "serving", List.of("192.0.2.14/24"), "eth0", List.of("/srv/z"), "none", 0,
                0, List.of(), List.of(), List.of(), "no client", List.of("mounted\nhere", "used there"));
        assertTrue(StatusReport.table(List.of(SERVING, mounted)).endsWith(
                "  parameters of the last change are not in force: no client; mounted here; used there\n"));
        assertTrue(StatusReport.details(List.of(mounted)).endsWith("  remark     mounted here\n  remark     used there\n"));
    }

    /** As a list, and as the one text that it was when there could be one only. */
    @Test
    void theJsonHasAllOfThem(@TempDir Path dir) throws Exception {
        Registry registry = new Registry(dir, new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        Parameters parameters = TestService.parameters(dir);
        registry.save(TestService.of("web", parameters).started(5).withOpened(), parameters);
        OwnStack stack = mock(OwnStack.class);
        when(stack.states(any())).thenReturn(List.of());
        when(stack.remarks(any())).thenReturn(List.of("mounted here", "used there")).thenReturn(List.of());
        Recovery recovery = mock(Recovery.class);
        when(recovery.grace(any())).thenReturn(new Recovery.Grace(false, false));
        StatusReport report = new StatusReport(registry, new Stacks(stack, null, null, null, null, null), mock(Holdings.class),
                mock(RecordsLayer.class), recovery, prepared);

        JsonNode web = new ObjectMapper().readTree(report.json(Optional.empty())).get(0);

        assertEquals("mounted here; used there", web.get("remark").textValue());
        assertEquals(new ObjectMapper().valueToTree(List.of("mounted here", "used there")), web.get("remarks"));
        web = new ObjectMapper().readTree(report.json(Optional.empty())).get(0);
        assertEquals("", web.get("remark").textValue());
        assertEquals(0, web.get("remarks").size());
    }

    @Test
    void aServiceWithARecordThatCannotBeReadHidesNoOther(@TempDir Path dir) throws Exception {
        Registry registry = new Registry(dir, new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        for (String name : List.of("data", "web")) {
            Parameters parameters = TestService.parameters(dir);
            registry.save(TestService.of(name, parameters), parameters);
        }
        Files.writeString(dir.resolve("data/service.json"), "{");
        OwnStack stack = mock(OwnStack.class);
        when(stack.states(any())).thenReturn(List.of());
        Recovery recovery = mock(Recovery.class);
        when(recovery.grace(any())).thenThrow(new IOException("not started yet"));
        StatusReport report = new StatusReport(
                registry, new Stacks(stack, null, null, null, null, null), null, null, recovery, prepared);

        String text = report.text(Optional.empty());

        assertTrue(text.contains("data     damaged "), text);
        assertTrue(text.contains("record: "), text);
        assertTrue(text.contains("web      starting"), text);
        assertTrue(report.json(Optional.of(new ServiceName("data"))).contains("\"damaged\""));
    }

    /** All that can be looked at is there already. */
    @Test
    void aServiceStartsUntilItsLastLayerIsUp(@TempDir Path dir) throws Exception {
        Registry registry = new Registry(dir, new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        Parameters parameters = TestService.parameters(dir);
        RunningService web = TestService.of("web", parameters);
        registry.begin(web, parameters);
        registry.update(web.config().name(), s -> s.started(5).withOpened());
        Recovery recovery = mock(Recovery.class);
        when(recovery.grace(any())).thenReturn(new Recovery.Grace(false, false));
        StatusReport report = new StatusReport(registry, new Stacks(mock(OwnStack.class), null, null, null, null, null),
                mock(Holdings.class), mock(RecordsLayer.class), recovery, prepared);

        assertTrue(report.text(Optional.empty()).startsWith("web: starting"), report.text(Optional.empty()));

        registry.complete(web.config().name());
        assertTrue(report.text(Optional.empty()).startsWith("web: serving"), report.text(Optional.empty()));
    }

    @Test
    void whatIsPreparedComesAfterWhatRuns(@TempDir Path dir) throws Exception {
        Registry registry = new Registry(dir, new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        Recovery recovery = mock(Recovery.class);
        when(recovery.grace(any())).thenReturn(new Recovery.Grace(false, false));
        StatusReport report = new StatusReport(registry, new Stacks(mock(OwnStack.class), null, null, null, null, null),
                mock(Holdings.class), mock(RecordsLayer.class), recovery, prepared);
        assertEquals("no service runs on this node\n", report.text(Optional.empty()));
        Parameters parameters = TestService.parameters(dir);
        registry.begin(TestService.of("web", parameters), parameters);
        when(prepared.all()).thenReturn(List.of(new PreparedList.Prepared(new ServiceName("data"), "eth1", true),
                new PreparedList.Prepared(new ServiceName("db"), "", false)));
        String lines = "prepared in part, and not running here: db\nprepared on eth1, and not running here: data\n";

        assertTrue(report.text(Optional.empty()).startsWith("web: starting"), report.text(Optional.empty()));
        assertTrue(report.text(Optional.empty()).endsWith("\n" + lines), report.text(Optional.empty()));
        assertFalse(report.text(Optional.of(new ServiceName("web"))).contains("prepared"));
        JsonNode all = new ObjectMapper().readTree(report.json(Optional.empty()));
        assertEquals(List.of("web starting eth0 []", "data prepared eth1 []", "db prepared  [\"prepared in part\"]"),
                StreamSupport.stream(all.spliterator(), false).map(each -> each.get("service").asText() + " "
                        + each.get("state").asText() + " " + each.get("device").asText() + " " + each.get("remarks")).toList());
        assertEquals(0, all.get(1).get("addresses").size());
        assertEquals(1, new ObjectMapper().readTree(report.json(Optional.of(new ServiceName("web")))).size());
        registry.remove(new ServiceName("web"));
        assertEquals("no service runs on this node\n" + lines, report.text(Optional.empty()));
    }

    /** Others read it, too: scripts look for these words. */
    @Test
    void oneServiceIsShownInFull() {
        assertEquals("""
                web: recovering
                  addresses  192.0.2.11/24 2001:db8::11/64 on eth0
                  exports    /srv/web
                  grace      NLM and NFSv4, 12 s left at most
                  locks      14 held by NFS clients
                  holder     NFSv4.2 192.0.2.21:817  confirmed, 2 states
                  holder     NFSv3 192.0.2.22  monitored by statd
                  holder     NFSv3 192.0.2.22  may reclaim
                  missing    NFSv3 192.0.2.22  of all such hosts: 1 of 2 locks back
                  missing    NFSv3 192.0.2.23  of all such hosts: 1 of 2 locks back
                """, StatusReport.details(List.of(RECOVERING)));
    }
}
