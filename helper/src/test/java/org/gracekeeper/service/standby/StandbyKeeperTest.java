// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.node.ClusterResources;
import org.gracekeeper.node.ClusterResources.Answer;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.namespaces.ParentDevice;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandbyKeeperTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final StandbyPlan PLAN = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, true);

    @TempDir
    private Path dir;

    private final Standby standby = mock(Standby.class);
    private final StandbyCheck check = mock(StandbyCheck.class);
    private final ClusterResources cluster = mock(ClusterResources.class);
    private final IpLink ip = mock(IpLink.class);
    private final StandbyProbes probes = new StandbyProbes();
    private final AtomicLong clock = new AtomicLong(-5);
    private final List<String> done = new ArrayList<>();
    private final List<Duration> ages = new ArrayList<>();
    private Answer answer = Answer.YES;
    private boolean busy;
    private Registry registry;
    private Standbys standbys;
    private StandbyKeeper keeper;

    @BeforeEach
    void aNode() throws Exception {
        DurableFiles files = new DurableFiles(LinuxKernel.load());
        registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("plans"), files);
        when(check.problemAtRest(any(), any())).thenReturn(Optional.empty());
        when(cluster.ask(any(), any())).thenAnswer(call -> {
            ages.add(call.getArgument(1));
            return answer;
        });
        doAnswer(call -> {
            ServiceName name = call.getArgument(0);
            StandbyPlan plan = call.getArgument(1);
            standbys.record(name, StandbyRecord.begun(new StandbyBasis(plan, plan.linkType().mode(), 2, 1500, "1f")));
            return done.add("made " + name);
        }).when(standby).prepare(any(), any(), any());
        doAnswer(call -> {
            standbys.forget(call.getArgument(0));
            return done.add("dropped " + call.getArgument(0));
        }).when(standby).drop(any(), any());
        when(ip.read(null)).thenReturn(new IpLink.Network(
                List.of(new IpLink.Link(2, "eth0", "02:00:00:00:00:01", "", Set.of("BROADCAST", "UP"), "", "")),
                List.of(new IpLink.Address("eth0", "192.0.2.200", 24, false, false)), List.of(), List.of()));
        anotherHelper();
    }

    private void anotherHelper() throws IOException {
        probes.take();
        StandbyLearner learner = new StandbyLearner(
                probes, Metadata.defaults(), standbys, cluster, new ParentDevice(ip), clock::get);
        keeper = new StandbyKeeper(registry, standbys, standby, check, cluster, learner, (name, step) -> {
            if (busy) {
                return false;
            }
            step.run();
            return true;
        }, clock::get);
    }

    private void save(String name, String... parameters) throws Exception {
        Parameters all = TestService.parameters(dir, parameters);
        registry.save(TestService.of(name, all).started(5).withOpened(), all);
    }

    /** @param more names and values of further parameters */
    private void probe(String name, String... more) {
        Map<String, String> environment = new HashMap<>(Map.of("OCF_RESKEY_CRM_meta_interval", "0", "OCF_RESKEY_ip", "192.0.2.1/24",
                "OCF_RESKEY_state_dir", "/srv/a/state", "OCF_RESKEY_exports", "/srv/a/data *(rw)"));
        for (int i = 0; i < more.length; i += 2) {
            environment.put("OCF_RESKEY_" + more[i], more[i + 1]);
        }
        probes.notRunning(new ServiceName(name), environment);
    }

    private void after(Duration time) {
        clock.addAndGet(time.toNanos());
        keeper.look();
    }

    private List<String> done() {
        List<String> now = List.copyOf(done);
        done.clear();
        return now;
    }

    /** A service that ran here, and whose standby is there. */
    private void prepared() throws Exception {
        standbys.plan(WEB, PLAN);
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of("made web"), done());
    }

    @Test
    void aServiceThatHasBeenStoppedIsPrepared() throws Exception {
        save("web");
        keeper.look();
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        registry.remove(WEB);
        keeper.look();
        after(StandbyKeeper.AFTER_STOP.minusNanos(1));
        assertEquals(List.of(), done(), "what follows the stop goes first");
        after(Duration.ofNanos(1));
        assertEquals(List.of("made web"), done());
        assertEquals(List.of(Duration.ZERO), ages, "the answer is of now");
        after(Duration.ofHours(1));
        assertEquals(List.of(), done());
    }

    @Test
    void ofTheNodesOwnNfsdOrNotWantedNothingIs() throws Exception {
        save("web", "warm_standby", "no");
        save("shared", "instance", "node");
        standbys.plan(WEB, PLAN);
        keeper.look();
        assertEquals(Set.of(), standbys.planned());
        registry.remove(WEB);
        registry.remove(new ServiceName("shared"));
        keeper.look();
        after(Duration.ofHours(1));
        assertEquals(List.of(), done());
    }

    @Test
    void aStartThatCameToNothingIsNoReason() throws Exception {
        Parameters all = TestService.parameters(dir);
        registry.begin(TestService.of("web", all), all);
        registry.update(WEB, s -> s.started(5).withOpened());
        keeper.look();
        assertEquals(Set.of(), standbys.planned());
    }

    @Test
    void anotherHelperPreparesWhatItKnows() throws Exception {
        standbys.plan(WEB, PLAN);
        after(StandbyKeeper.AFTER_START.minusNanos(1));
        assertEquals(List.of(), done(), "the node may just have been started");
        answer = Answer.UNKNOWN;
        after(Duration.ofNanos(1));
        assertEquals(List.of(), done(), "and Pacemaker not be there yet");
        answer = Answer.YES;
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("made web"), done());
    }

    @Test
    void anotherHelperKeepsWhatIsGood() throws Exception {
        prepared();
        anotherHelper();
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of(), done());
        assertTrue(standbys.stands(WEB));
    }

    @Test
    void whatWasCutShortIsMadeAnew() throws Exception {
        prepared();
        anotherHelper();
        when(check.problemAtRest(any(), any())).thenReturn(Optional.of("it did not become complete"));
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of("dropped web", "made web"), done());
    }

    @Test
    void whatNobodyKnowsAnythingOfGoes() throws Exception {
        prepared();
        standbys.forgetPlan(WEB);
        anotherHelper();
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of("dropped web"), done());
    }

    @Test
    void withTheResourceItGoes() throws Exception {
        for (Answer end : List.of(Answer.GONE, Answer.UNWANTED)) {
            anotherHelper();
            answer = Answer.YES;
            prepared();
            answer = end;
            after(StandbyKeeper.LOOK.minusNanos(1));
            assertEquals(List.of(), done());
            after(Duration.ofNanos(1));
            assertEquals(List.of("dropped web"), done());
            assertEquals(Set.of(), standbys.planned());
            assertEquals(StandbyKeeper.LOOK, ages.get(ages.size() - 1), "not more than once a minute");
            after(Duration.ofHours(1));
            assertEquals(List.of(), done());
        }
    }

    @Test
    void whereItMayNotRunItGoesForSoLong() throws Exception {
        prepared();
        answer = Answer.FORBIDDEN;
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("dropped web"), done());
        after(Duration.ofHours(1));
        assertEquals(List.of(), done());
        answer = Answer.YES;
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("made web"), done());
    }

    /** It was prepared before it became one of the node's own nfsd, and its start does not take it over. */
    @Test
    void whatAServiceOfTheNodesOwnNfsdHasNoUseForGoesWhileItRuns() throws Exception {
        prepared();
        save("web", "instance", "node");
        busy = true;
        keeper.look();
        assertEquals(List.of(), done());
        busy = false;
        keeper.look();
        keeper.look();
        assertEquals(List.of("dropped web"), done());
        assertEquals(Set.of(), standbys.planned());
    }

    @Test
    void aClusterThatDoesNotAnswerIsNoReason() throws Exception {
        prepared();
        answer = Answer.UNKNOWN;
        after(Duration.ofHours(1));
        assertEquals(List.of(), done());
    }

    @Test
    void whatIsOfNoUseAnyMoreIsMadeAnew() throws Exception {
        prepared();
        when(check.problemAtRest(any(), any())).thenReturn(Optional.of("its network device is gone")).thenReturn(Optional.empty());
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("dropped web", "made web"), done());
        when(check.problemAtRest(any(), any())).thenThrow(new IOException("this node has no network device eth0"));
        answer = Answer.UNKNOWN;
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("dropped web"), done());
    }

    /** All of another node's services may have come and gone; the rest of the node has work to do, too. */
    @Test
    void oneIsMadeAtATime() throws Exception {
        for (String name : List.of("c", "a", "b")) {
            standbys.plan(new ServiceName(name), PLAN);
        }
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of("made a"), done());
        keeper.look();
        keeper.look();
        assertEquals(List.of("made b", "made c"), done());
    }

    @Test
    void anActionOnTheServiceGoesFirst() throws Exception {
        standbys.plan(WEB, PLAN);
        busy = true;
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of(), done());
        busy = false;
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("made web"), done());
    }

    /** Between the look and the slot. */
    @Test
    void aServiceWhoseStartHasBegunIsLeftAlone() throws Exception {
        standbys.plan(WEB, PLAN);
        when(cluster.ask(any(), any())).thenAnswer(call -> {
            save("web");
            return Answer.YES;
        });
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of(), done());
    }

    @Test
    void aDeviceThatCarriesTheOtherKindIsNotAsked() throws Exception {
        standbys.plan(WEB, PLAN);
        save("other", "link_type", "macvlan", "ip", "192.0.2.9/24");
        after(StandbyKeeper.AFTER_START);
        assertEquals(List.of(), done());
        registry.remove(new ServiceName("other"));
        after(StandbyKeeper.LOOK);
        assertTrue(done().contains("made web"));
    }

    @Test
    void norIsWhatHasNoRoomBesideWhatIsPreparedForAnother() throws Exception {
        prepared();
        standbys.plan(new ServiceName("other"), new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.MACVLAN, true));
        standbys.plan(new ServiceName("third"), new StandbyPlan(StandbyPlan.FORMAT, "eth1", LinkType.MACVLAN, true));
        after(StandbyKeeper.LOOK);
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("made third"), done());
    }

    @Test
    void whatFailsIsTriedAgainLater() throws Exception {
        standbys.plan(WEB, PLAN);
        doThrow(new IOException("exit 2")).doAnswer(call -> done.add("made")).when(standby).prepare(any(), any(), any());
        after(StandbyKeeper.AFTER_START);
        after(StandbyKeeper.RETRY.minusNanos(1));
        assertEquals(List.of(), done());
        after(Duration.ofNanos(1));
        assertEquals(List.of("made"), done());
    }

    /** A stop of the service interrupts who has its slot. */
    @Test
    void whatWasGivenUpForAStopIsTriedSoon() throws Exception {
        for (Exception stop : List.of(new InterruptedException(), new InterruptedIOException("ip: interrupted"))) {
            anotherHelper();
            standbys.plan(WEB, PLAN);
            doThrow(stop).doAnswer(call -> done.add("made")).when(standby).prepare(any(), any(), any());
            after(StandbyKeeper.AFTER_START);
            assertEquals(List.of(), done());
            after(StandbyKeeper.AFTER_STOP);
            assertEquals(List.of("made"), done());
        }
    }

    @Test
    void aServiceThatHasOnlyBeenProbedIsPrepared() throws Exception {
        probe("web");
        keeper.look();
        after(StandbyLearner.AFTER_PROBE.minusNanos(1));
        assertEquals(List.of(), done(), "its start may follow");
        after(Duration.ofNanos(1));
        assertEquals(List.of("made web"), done());
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        probe("web");
        after(Duration.ofHours(1));
        after(Duration.ofHours(1));
        assertEquals(List.of(), done());
    }

    /** When a node joins it is probed for all, and then some are started on it. */
    @Test
    void aProbeKeepsThePreparationOutOfTheWayOfStarts() throws Exception {
        standbys.plan(WEB, PLAN);
        clock.addAndGet(StandbyKeeper.AFTER_START.minusSeconds(1).toNanos());
        probe("web");
        probe("db");
        keeper.look();
        after(StandbyLearner.AFTER_PROBE.minusNanos(1));
        assertEquals(List.of(), done());
        probe("web");
        after(Duration.ofNanos(1));
        after(Duration.ofNanos(1));
        assertEquals(List.of("made db", "made web"), done(), "probes that come again and again put nothing off");
    }

    @Test
    void aServiceThatIsStartedAfterItsProbeGoesByItsStart() throws Exception {
        probe("web", "link_type", "macvlan");
        keeper.look();
        probe("web", "link_type", "macvlan", "versions", "4.2");
        save("web");
        after(StandbyLearner.AFTER_PROBE);
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
        registry.remove(WEB);
        keeper.look();
        after(Duration.ofHours(1));
        assertEquals(List.of("made web"), done());
        assertEquals(Optional.of(PLAN), standbys.plan(WEB));
    }

    @Test
    void aProbeThatTellsOfOtherParametersCountsBeforeAnOlderStart() throws Exception {
        prepared();
        when(check.problemAtRest(any(), any())).thenAnswer(call -> call.getArgument(1).equals(PLAN) ? Optional.empty()
                : Optional.of("its device is ipvlan l2, not macvlan bridge"));
        probe("web", "link_type", "macvlan");
        keeper.look();
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("dropped web", "made web"), done());
        assertEquals(LinkType.MACVLAN, standbys.plan(WEB).orElseThrow().linkType());
        probe("web", "warm_standby", "no");
        after(StandbyKeeper.LOOK);
        assertEquals(List.of("dropped web"), done());
    }

    @Test
    void aResourceThatIsNotInTheClusterIsNotPrepared() throws Exception {
        answer = Answer.GONE;
        probe("web");
        keeper.look();
        after(StandbyLearner.AFTER_PROBE);
        after(Duration.ofHours(1));
        assertEquals(Set.of(), standbys.planned());
        answer = Answer.YES;
        after(Duration.ofHours(1));
        assertEquals(List.of(), done());
    }

    /** Every five seconds, of up to sixty services. */
    @Test
    void aPlanIsWrittenAgainOnlyWhenItIsAnotherOne() throws Exception {
        save("web");
        keeper.look();
        standbys.forgetPlan(WEB);
        keeper.look();
        assertEquals(Set.of(), standbys.planned(), "it has not been looked at");
        save("web", "link_type", "macvlan");
        keeper.look();
        assertEquals(LinkType.MACVLAN, standbys.plan(WEB).orElseThrow().linkType());
        registry.remove(WEB);
        keeper.look();
        standbys.forgetPlan(WEB);
        save("web", "link_type", "macvlan");
        keeper.look();
        assertEquals(Set.of(WEB), standbys.planned(), "another start");
    }
}
