// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.spy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.protocol.Reply.Level;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.daemons.DaemonUnits;
import org.gracekeeper.service.daemons.HealthProbe;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.own.ExportsLayer;
import org.gracekeeper.service.own.OpenLayer;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.own.RpcbindLayer;
import org.gracekeeper.service.own.ServerLayer;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecoveryWatch;
import org.gracekeeper.service.report.TimelineReport;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.standby.Standby;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stops and starts on two nodes with one storage: real claim, registry and files; the layers above only pretend. */
class TimelineLogTest {
    private static final ServiceName NAME = new ServiceName("timeline-test");

    @TempDir
    private Path dir;

    private final Kernel kernel = LinuxKernel.load();
    private final List<String> warnings = new ArrayList<>();

    private static final class Pretended implements Layer {
        private final String name;
        private String failure;
        private boolean prepared;

        Pretended(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public void up(Operation operation) throws IOException {
            if (failure != null) {
                throw new IOException(failure);
            }
        }

        @Override
        public boolean wasPrepared(Operation operation) {
            return prepared;
        }

        @Override
        public void down(Operation operation) throws IOException {
            up(operation);
        }

        @Override
        public Optional<String> check(Operation operation) {
            return Optional.empty();
        }
    }

    /** A node with its own /run. */
    private final class OneNode {
        private final Registry registry;
        private final TimelineStore store;
        private final TimelineLog log;
        private final OwnStack stack;
        private final Pretended link = new Pretended("link");

        OneNode(String hostname) throws IOException {
            DurableFiles files = new DurableFiles(kernel);
            registry = new Registry(dir.resolve(hostname).resolve("services"), files, Metadata.defaults());
            Node node = spy(new Node(kernel, mock(Commands.class)));
            doReturn(hostname).when(node).hostname();
            doReturn("boot of " + hostname).when(node).bootId();
            store = new TimelineStore(dir.resolve(hostname).resolve("timelines"), files);
            log = new TimelineLog(store, registry, node);
            ClaimLayer claim = new ClaimLayer(node, registry, files, mock(Proof.class),
                    mock(Reserve.class), new LedgerStore(files), log);
            RpcbindLayer rpcbind = new RpcbindLayer(mock(DaemonUnits.class), mock(HealthProbe.class), mock(Standby.class));
            stack = new OwnStack(registry, node, List.of(claim, link, rpcbind, new Pretended("open")), rpcbind, mock(Holdings.class),
                    mock(ServerLayer.class), mock(ServerPing.class), mock(OpenLayer.class), mock(ExportsLayer.class),
                    mock(Firewall.class), mock(RecoveryWatch.class), mock(ClusterAttribute.class), log);
        }

        private Operation operation() throws IOException {
            return new Operation(registry.load(NAME).orElseThrow(), Deadline.after(Duration.ofSeconds(20)), System.nanoTime(),
                    (level, text) -> {
                        if (level == Level.WARN) {
                            warnings.add(text);
                        }
                    });
        }

        OneNode start() throws Exception {
            registry.save(new RunningService(config(), "eth0", List.of(), List.of(), List.of(new DeviceId(8, 1)), 90, 0, false,
                    false, false, ""),
                    parameters());
            stack.up(operation());
            return this;
        }

        OneNode stop() throws Exception {
            stack.down(operation());
            registry.remove(NAME);
            return this;
        }

        String text() throws Exception {
            return new TimelineReport(registry, store).text(NAME);
        }

        JsonNode json() throws Exception {
            return new ObjectMapper().readTree(new TimelineReport(registry, store).json(NAME));
        }
    }

    private Path stateDir() throws IOException {
        return Files.createDirectories(dir.resolve("state"));
    }

    private Parameters parameters() throws Exception {
        return Parameters.of(Map.of("OCF_RESKEY_ip", "192.0.2.1/24", "OCF_RESKEY_state_dir", stateDir().toString(),
                "OCF_RESKEY_exports", "/srv/a/data *(rw)"), Metadata.defaults());
    }

    private ServiceConfig config() throws Exception {
        return ServiceConfig.of(NAME, parameters());
    }

    private static List<String> lines(String text) {
        return text.lines().filter(line -> line.startsWith("  ")).map(line -> line.length() > 24 ? line.substring(24).strip() : "")
                .toList();
    }

    @Test
    void aLayerThatWasPreparedSaysSo() throws Exception {
        OneNode node1 = new OneNode("node1");
        node1.link.prepared = true;
        List<String> steps = lines(node1.start().text());
        assertTrue(steps.contains("node1  up link, prepared before"), steps.toString());
        assertTrue(steps.contains("node1  up claim"), steps.toString());
        node1.stop();
        assertTrue(lines(node1.text()).contains("node1  down link"), node1.text());
        node1.link.failure = "no device eth9";
        assertThrows(IOException.class, node1::start);
        assertTrue(node1.text().contains("up link failed: no device eth9"), node1.text());
    }

    @Test
    void aMoveIsPutTogetherFromBothNodes() throws Exception {
        OneNode node1 = new OneNode("node1").start();
        assertTrue(node1.text().startsWith(NAME + ": started for the first time on node1, "), node1.text());
        node1.stop();
        OneNode node2 = new OneNode("node2").start();
        node2.log.graceEnded(NAME, "NLM", 0.5, "2 of 2 locks back");
        node2.log.recovered(NAME);

        String text = node2.text();
        assertTrue(text.startsWith(NAME + ": moved from node1 to node2, "), text);
        List<String> steps = lines(text);
        int from = -1;
        for (String step : List.of("node1  stop requested", "node1  prepare", "node1  down open: clients are shut out",
                "node1  down link", "node1  down claim", "node1  stopped", "Pacemaker, agents and storage",
                "node2  start requested", "node2  up claim", "node2  up link", "node2  up open: clients get through",
                "node2  started", "node2  recovered: nobody can reclaim any more")) {
            int at = steps.indexOf(step);
            assertTrue(at > from, step + " in " + text);
            from = at;
        }
        assertTrue(text.contains("NLM grace 0.500 s: 2 of 2 locks back\n"), text);
        assertFalse(text.contains("note:"), text);
        JsonNode json = node2.json();
        assertTrue(json.get("notReachable").get("micros").asLong() >= 0, json.toString());
        assertEquals("boot of node1", json.get("phases").get(0).get("begin").get("boot").asText());
        assertTrue(new TimelineReport(node2.registry, node2.store).svg(NAME).contains("</svg>"));
    }

    @Test
    void theNodeThatTheServiceHasLeftShowsItsStop() throws Exception {
        OneNode node1 = new OneNode("node1").start().stop();
        assertTrue(node1.text().startsWith(NAME + ": stopped on node1, "), node1.text());
        assertTrue(node1.text().contains("does not run on this node"), node1.text());
        OneNode node2 = new OneNode("node2");
        OcfException never = assertThrows(OcfException.class, node2::text);
        assertEquals(OcfCode.NOT_RUNNING, never.code());
    }

    @Test
    void aStopFromBeforeACrashIsNotShown() throws Exception {
        new OneNode("node1").start().stop();
        new OneNode("node2").start(); // and dies
        OneNode node1 = new OneNode("node1").start();
        String text = node1.text();
        assertTrue(text.startsWith(NAME + ": started on node1, not stopped in order on node2, "), text);
        assertTrue(text.contains("no stop is recorded: node2 died"), text);
        assertFalse(text.contains("stop requested"), text);
    }

    @Test
    void aStartThatFailedDoesNotHideHowTheOutageBegan() throws Exception {
        OneNode node1 = new OneNode("node1").start().stop();
        OneNode node2 = new OneNode("node2");
        node2.link.failure = "no device eth9";
        assertThrows(IOException.class, node2::start);
        node2.stop();
        node1.start();
        String text = node1.text();
        assertTrue(text.startsWith(NAME + ": restarted on node1, "), text);
        assertTrue(text.contains("node2  up link failed: no device eth9"), text);
        assertTrue(text.contains("node2  start failed: no device eth9"), text);
        assertTrue(text.indexOf("node1  stop requested") < text.indexOf("node2  start requested"), text);
        assertTrue(text.contains("\nnot reachable "), text);
    }

    @Test
    void aStopWithErrorsSaysWhichLayerHadThem() throws Exception {
        OneNode node1 = new OneNode("node1").start();
        node1.link.failure = "busy";
        node1.stop();
        node1.link.failure = null;
        assertTrue(node1.text().contains("node1  down link failed: busy"), node1.text());
    }

    @Test
    void aStopThatCannotBeRecordedIsAStop() throws Exception {
        OneNode node1 = new OneNode("node1").start();
        // Where the file is made before it gets its name.
        Files.createDirectories(stateDir().resolve(".timeline.new").resolve("not empty"));
        node1.stop();
        assertTrue(warnings.toString().contains("the next node's timeline will lack this stop"), warnings.toString());
        String text = new OneNode("node2").start().text();
        assertTrue(text.contains("the stop on node1 was in order, but its times are not known: there is no file"), text);
    }

    @Test
    void aNodeThatWasGivenUpOverwritesNothing() throws Exception {
        OneNode lost = new OneNode("node1").start();
        new OneNode("node2").start().stop();
        lost.stop();
        String text = new OneNode("node3").start().text();
        assertTrue(text.startsWith(NAME + ": moved from node2 to node3, "), text);
    }

    @Test
    void aNewGracePeriodIsARestart() throws Exception {
        OneNode node1 = new OneNode("node1").start();
        node1.stack.recoverAnew(node1.operation());
        String text = node1.text();
        assertTrue(text.startsWith(NAME + ": restarted on node1, "), text);
        assertTrue(text.contains("node1  stop requested, for a new grace period"), text);
        assertFalse(text.contains("down link"), text);
        assertFalse(text.contains("note:") || text.contains("Pacemaker"), text);
        String next = new OneNode("node2").start().text();
        assertTrue(next.startsWith(NAME + ": started on node2, not stopped in order on node1, "), next);
    }

    @Test
    void anUnwritableRunIsNoReasonToFail() throws Exception {
        Files.createDirectories(dir.resolve("node1"));
        Files.writeString(dir.resolve("node1").resolve("timelines"), "in the way");
        OneNode node1 = new OneNode("node1").start();
        OcfException nothing = assertThrows(OcfException.class, node1::text);
        assertEquals(OcfCode.GENERIC, nothing.code());
        node1.stop();
    }

    @Test
    void anInterruptIsNeitherInTheWayNorLost() throws Exception {
        OneNode node1 = new OneNode("node1").start();
        Thread.currentThread().interrupt();
        node1.log.recovered(NAME);
        assertTrue(Thread.interrupted());
        assertTrue(node1.text().contains("recovered: nobody"), node1.text());
    }

    @Test
    void aHelperThatIsRestartedGoesOn() throws Exception {
        new OneNode("node1").start().stop();
        new OneNode("node2").start();
        OneNode restarted = new OneNode("node2");
        restarted.log.recovered(NAME);
        assertTrue(restarted.text().startsWith(NAME + ": moved from node1 to node2, "), restarted.text());
        assertTrue(restarted.text().contains("recovered: nobody"), restarted.text());
    }
}
