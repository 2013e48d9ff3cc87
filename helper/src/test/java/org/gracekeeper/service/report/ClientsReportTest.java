// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.argThat;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.TestClients;
import org.gracekeeper.service.release.ClientList;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientsReportTest {
    private static final Nfs4Client SIX = TestClients.nfs4(0xfL << 60, "[2001:db8:1234:5678:9abc:def0:1234:5678]:1001", 2,
            "confirmed", 12, 5, 0);
    private static final Nfs4Client FOUR = TestClients.nfs4(2, "192.0.2.9:817", 2, "courtesy", 1, 0, 3);
    private static final Nfs4Client OLD = TestClients.nfs4(3, "192.0.2.10:700", 0, "confirmed", 0, 0, 0);

    @TempDir
    private Path dir;

    private final Holdings holdings = mock(Holdings.class);
    private Registry registry;
    private ClientsReport report;

    @BeforeEach
    void twoServices() throws Exception {
        Kernel kernel = LinuxKernel.load();
        DurableFiles files = new DurableFiles(kernel);
        registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        for (String name : List.of("web", "data")) {
            service(name, RunningService::withOpened);
            for (String sub : List.of("nfs/sm", "nsm", "expired")) {
                Files.createDirectories(dir.resolve(name).resolve(sub));
            }
        }
        report = new ClientsReport(registry, new ClientList(holdings, new RecordsLayer(new Node(kernel, null), files)));
    }

    private void service(String name, UnaryOperator<RunningService> as) throws Exception {
        Parameters parameters = TestService.parameters(dir.resolve(name));
        registry.save(as.apply(TestService.of(name, parameters).started(5)), parameters);
    }

    private void clients(String name, Nfs4Client... clients) throws Exception {
        when(holdings.clients(argThat(s -> s != null && s.config().name().value().equals(name)))).thenReturn(List.of(clients));
    }

    private void host(String record) throws IOException {
        Files.createFile(dir.resolve(record));
    }

    private String text(String... only) throws Exception {
        return report.text(List.of(only).stream().map(ServiceName::new).findFirst());
    }

    @Test
    void aLineForEachClientInAnOrderThatStays() throws Exception {
        clients("web", SIX, FOUR, OLD);
        for (String record : List.of("web/nfs/sm/192.0.2.20", "web/nfs/sm/192.0.2.3", "web/nsm/192.0.2.3",
                "web/nsm/2001:db8::7", "web/expired/192.0.2.4", "web/expired/.192.0.2.4", "web/expired/192.0.2.20",
                "data/nfs/sm/192.0.2.3")) {
            host(record);
        }
        String web = """
                web      NFSv3     192.0.2.3                                      -      -      -            -         may reclaim
                web      NFSv3     192.0.2.4                                      -      -      -            -         ended
                web      NFSv3     192.0.2.20                                     -      -      -            -
                web      NFSv3     2001:db8::7                                    -      -      -            -         may reclaim
                web      NFSv4.0   192.0.2.10:700                                 0      0      0            12 s ago
                web      NFSv4.2   192.0.2.9:817                                  1      0      3            12 s ago  courtesy
                web      NFSv4.2   [2001:db8:1234:5678:9abc:def0:1234:5678]:1001  12     5      0            12 s ago
                """;
        String head = """
                SERVICE  PROTOCOL  ADDRESS                                        OPENS  LOCKS  DELEGATIONS  RENEWED   STATUS
                """;
        assertEquals(head + """
                data     NFSv3     192.0.2.3                                      -      -      -            -
                """ + web, text());
        assertEquals(head + web, text("web"));
        clients("web", OLD, FOUR, SIX);
        assertEquals(head + web, text("web"), "as the kernel may tell them another time");
    }

    @Test
    void whatTheKernelDoesNotTellIsNull() throws Exception {
        clients("web", SIX);
        host("web/nfs/sm/192.0.2.20");

        JsonNode all = new ObjectMapper().readTree(report.json(Optional.empty()));

        assertEquals("data", all.get(0).get("service").asText());
        assertEquals(0, all.get(0).get("clients").size());
        assertEquals(new ObjectMapper().readTree("""
                [{"protocol": "NFSv3", "address": "192.0.2.20", "clientId": null, "name": null, "opens": null,
                  "locks": null, "delegations": null, "secondsSinceRenewal": null, "status": "monitored"},
                 {"protocol": "NFSv4.2", "address": "[2001:db8:1234:5678:9abc:def0:1234:5678]:1001",
                  "clientId": "0xf000000000000000", "name": "client -1152921504606846976", "opens": 12, "locks": 5,
                  "delegations": 0, "secondsSinceRenewal": 12, "status": "confirmed"}]
                """).toString(), all.get(1).get("clients").toString());
    }

    @Test
    void nobodyIsSaid() throws Exception {
        assertEquals("no service has clients\n", text());
        assertEquals("service web has no clients\n", text("web"));
        registry.remove(new ServiceName("web"));
        registry.remove(new ServiceName("data"));
        assertEquals("no service runs on this node\n", text());
    }

    @Test
    void oneThatCannotBeLookedAtDoesNotHideTheOthers() throws Exception {
        doThrow(new IOException("no such namespace")).when(holdings).clients(any());
        service("web", RunningService::withStopping);
        service("x", s -> s);
        assertEquals("""
                service data: its clients are not shown: no such namespace
                service web: its clients are not shown: it is stopping
                service x: its clients are not shown: it is starting
                """, text());
        assertTrue(report.json(Optional.empty()).contains("no such namespace"));
    }
}
