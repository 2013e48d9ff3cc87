// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.reset;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.node.ClusterResources;
import org.gracekeeper.node.ClusterResources.Answer;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.namespaces.ParentDevice;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandbyLearnerTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final StandbyPlan PLAN = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, true);

    @TempDir
    private Path dir;

    private final ClusterResources cluster = mock(ClusterResources.class);
    private final IpLink ip = mock(IpLink.class);
    private final StandbyProbes probes = new StandbyProbes();
    private final AtomicLong clock = new AtomicLong(-5);
    private final Logger logger = Logger.getLogger(StandbyLearner.class.getName());
    private final List<String> said = new ArrayList<>();
    private Answer answer = Answer.YES;
    private Standbys standbys;
    private StandbyLearner learner;

    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord line) {
            if (line.getLevel().intValue() >= Level.INFO.intValue()) {
                said.add(line.getLevel() + " " + line.getMessage());
            }
        }

        @Override
        public void flush() {
            // nothing is kept
        }

        @Override
        public void close() {
            // nothing is open
        }
    };

    @BeforeEach
    void aNode() throws Exception {
        logger.addHandler(handler);
        standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("plans"),
                new DurableFiles(LinuxKernel.load()));
        when(cluster.ask(any(), any())).thenAnswer(call -> answer);
        devices("eth0");
        learner = new StandbyLearner(probes, Metadata.defaults(), standbys, cluster, new ParentDevice(ip), clock::get);
    }

    @AfterEach
    void asBefore() {
        logger.removeHandler(handler);
    }

    /** The first of them has an address in the services' network. */
    private void devices(String... names) throws IOException {
        List<IpLink.Link> links = new ArrayList<>();
        for (String name : names) {
            links.add(new IpLink.Link(2, name, "02:00:00:00:00:01", "", Set.of("BROADCAST", "UP"), "", ""));
        }
        when(ip.read(null)).thenReturn(new IpLink.Network(links,
                List.of(new IpLink.Address(names[0], "192.0.2.200", 24, false, false)), List.of(), List.of()));
    }

    /** @param more names and values of further parameters */
    private void monitor(ServiceName name, String interval, String... more) {
        Map<String, String> environment = new HashMap<>(Map.of("OCF_RESOURCE_INSTANCE", name.value(),
                "OCF_RESKEY_CRM_meta_interval", interval, "OCF_RESKEY_CRM_meta_timeout", "20000",
                "OCF_RESKEY_ip", "192.0.2.1/24", "OCF_RESKEY_state_dir", "/srv/not-mounted/state",
                "OCF_RESKEY_exports", "/srv/not-mounted/data *(rw)"));
        for (int i = 0; i < more.length; i += 2) {
            environment.put("OCF_RESKEY_" + more[i], more[i + 1]);
        }
        probes.notRunning(name, Map.copyOf(environment));
    }

    private void probe(String... more) {
        monitor(WEB, "0", more);
    }

    private Set<ServiceName> look() throws Exception {
        Set<ServiceName> first = learner.arrivals();
        learner.look(Set.of());
        return first;
    }

    private void after(Duration time) throws Exception {
        clock.addAndGet(time.toNanos());
        look();
    }

    private void probed(String... more) throws Exception {
        probe(more);
        look();
        after(StandbyLearner.AFTER_PROBE);
    }

    @Test
    void aProbeIsAPlanAWhileLater() throws Exception {
        probe();
        assertEquals(Set.of(WEB), look());
        after(StandbyLearner.AFTER_PROBE.minusNanos(1));
        assertEquals(Set.of(), standbys.planned(), "starts may follow");
        assertEquals(Set.of(WEB), learner.waiting());
        after(Duration.ofNanos(1));
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        assertEquals(Set.of(), learner.waiting());
        assertEquals(List.of(), said);
        probed("nic", "eth0", "link_type", "macvlan", "versions", "4.2");
        assertEquals(Optional.of(new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.MACVLAN, false)), standbys.plan(WEB));
    }

    @Test
    void onlyAProbeIsOne() throws Exception {
        monitor(WEB, "10000");
        monitor(WEB, "");
        assertEquals(Map.of(), probes.take());
        monitor(WEB, "0");
        assertEquals(Set.of(WEB), probes.take().keySet());
        probes.notRunning(WEB, Map.of());
        assertEquals(Map.of(WEB, Map.of()), probes.take());
    }

    /** A start would refuse them, and the probe has said "not running". */
    @Test
    void parametersThatCannotBeUsedAreNotRemembered() throws Exception {
        standbys.plan(WEB, PLAN);
        for (List<String> wrong : List.of(List.of("ip", ""), List.of("versions", "5"), List.of("link_type", "veth"),
                List.of("unknown", "1"), List.of("warm_standby", "perhaps"))) {
            probed(wrong.toArray(String[]::new));
            assertEquals(Set.of(), learner.waiting(), wrong.toString());
        }
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        probe();
        look();
        probe("ip", "");
        look();
        assertEquals(Set.of(WEB), learner.waiting());
        assertEquals(List.of(), said);
    }

    @Test
    void whatShallNotBePreparedIsForgotten() throws Exception {
        for (List<String> no : List.of(List.of("warm_standby", "no"), List.of("instance", "node"))) {
            standbys.plan(WEB, PLAN);
            probe();
            look();
            probed(no.toArray(String[]::new));
            assertEquals(Set.of(), standbys.planned(), no.toString());
            assertEquals(Set.of(), learner.waiting(), no.toString());
        }
    }

    @Test
    void theNewestProbeCounts() throws Exception {
        probe("link_type", "macvlan");
        look();
        clock.addAndGet(StandbyLearner.AFTER_PROBE.minusSeconds(5).toNanos());
        probe("versions", "4.1");
        probe();
        assertEquals(Set.of(), look());
        after(Duration.ofSeconds(5));
        assertEquals(Optional.of(PLAN), standbys.plan(WEB), "probes that come again and again put nothing off");
    }

    @Test
    void whatRunsHereIsNewer() throws Exception {
        standbys.plan(WEB, PLAN);
        probe("link_type", "macvlan");
        look();
        probe("versions", "4.1");
        learner.forget(WEB);
        after(StandbyLearner.AFTER_PROBE);
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        assertEquals(Set.of(), learner.waiting());
    }

    /** It may fail: then the probe is all that is known. */
    @Test
    void aStartThatIsUnderWayIsWaitedFor() throws Exception {
        probe();
        look();
        clock.addAndGet(StandbyLearner.AFTER_PROBE.toNanos());
        learner.look(Set.of(WEB));
        assertEquals(Set.of(), standbys.planned());
        learner.look(Set.of());
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
    }

    @Test
    void whereNoDeviceFitsItIsSaidOnceAndLookedForAgain() throws Exception {
        probed("nic", "eth9");
        after(StandbyLearner.RETRY.minusNanos(1));
        probe("nic", "eth9");
        after(Duration.ofNanos(1));
        assertEquals(Set.of(), standbys.planned());
        assertEquals(List.of("INFO service web: nothing is prepared for it here: parameter nic: this node has no network device"
                + " \"eth9\": it has eth0"), said);
        devices("eth0", "eth9");
        after(StandbyLearner.RETRY);
        assertEquals("eth9", standbys.plan(WEB).orElseThrow().parent());
        assertEquals(1, said.size());
    }

    @Test
    void withoutADeviceAnOldPlanStaysWhereItMayStillBeRight() throws Exception {
        standbys.plan(WEB, PLAN);
        devices("eth7");
        probed("ip", "198.51.100.1/24");
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        probed("nic", "eth0");
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        for (List<String> other : List.of(List.of("nic", "eth1"), List.of("link_type", "macvlan"), List.of("versions", "4.2"))) {
            standbys.plan(WEB, PLAN);
            List<String> all = new ArrayList<>(List.of("ip", "198.51.100.1/24"));
            all.addAll(other);
            probed(all.toArray(String[]::new));
            assertEquals(Set.of(), standbys.planned(), other.toString());
        }
    }

    @Test
    void theClusterIsAskedFirst() throws Exception {
        answer = Answer.UNKNOWN;
        probed();
        after(Duration.ofHours(1));
        assertEquals(Set.of(), standbys.planned());
        answer = Answer.YES;
        after(StandbyLearner.AGAIN);
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
    }

    /** That may end, and the node is not probed again then. */
    @Test
    void whatMayNeverBeHereIsKnownAllTheSame() throws Exception {
        answer = Answer.FORBIDDEN;
        probed();
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        assertEquals(Set.of(), learner.waiting());
    }

    /** A remote node learns of a new resource late; somebody may have called the agent by hand. */
    @Test
    void aResourceThatTheClusterDoesNotKnowIsWaitedForAndThenForgotten() throws Exception {
        for (Answer no : List.of(Answer.GONE, Answer.UNWANTED)) {
            answer = no;
            probed();
            after(StandbyLearner.AGAIN);
            answer = Answer.YES;
            after(StandbyLearner.AGAIN);
            assertEquals(Optional.of(PLAN), standbys.plan(WEB));
            standbys.forgetPlan(WEB);
            answer = no;
            probed();
            after(ClusterResources.OUTDATED);
            assertEquals(Set.of(), learner.waiting());
            assertEquals(Set.of(), standbys.planned());
        }
    }

    /** When a node joins it is probed for all. */
    @Test
    void oneLookAtTheNetworkIsEnoughForAll() throws Exception {
        for (int i = 0; i < 64; i++) {
            monitor(new ServiceName("s" + i), "0");
        }
        look();
        after(StandbyLearner.AFTER_PROBE);
        assertEquals(64, standbys.planned().size());
        verify(ip, times(1)).read(null);
    }

    @Test
    void aNetworkThatCannotBeReadIsReadAgain() throws Exception {
        probe();
        look();
        clock.addAndGet(StandbyLearner.AFTER_PROBE.toNanos());
        when(ip.read(null)).thenThrow(new IOException("ip: timed out"));
        assertThrows(IOException.class, this::look);
        reset(ip);
        devices("eth0");
        after(StandbyLearner.AGAIN);
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
    }
}
