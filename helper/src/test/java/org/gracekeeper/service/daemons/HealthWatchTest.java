// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.timeout;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.node.ClusterFailure;
import org.gracekeeper.node.DaemonProcess;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthWatchTest {
    private static final long LOOK = 2_000_000_000L;
    private static final ServiceName WEB = new ServiceName("web");
    private static final Instance DB = new Instance(new ServiceName("db"));
    private static final int DB_MOUNTD = 99;

    @TempDir
    private Path dir;

    private final HealthProbe probe = mock(HealthProbe.class);
    private final ClusterFailure cluster = mock(ClusterFailure.class);
    private final SessionSlots sessions = mock(SessionSlots.class);
    private final List<String> done = Collections.synchronizedList(new ArrayList<>());
    private final AtomicLong clock = new AtomicLong();
    private Registry registry;
    private Parameters parameters;
    private HealthWatch watch;
    private volatile boolean busy;
    private volatile boolean allAreBack = true;

    @BeforeEach
    void aServiceThatIsWell() throws Exception {
        registry = new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        parameters = TestService.parameters(dir);
        save("web", 5);
        int pid = 10;
        for (String daemon : Instance.DAEMONS) {
            is(daemon, pid++, 'S');
        }
        when(probe.ask(any(), anyString())).thenReturn(Answer.YES);
        when(probe.unknown(any())).thenReturn(List.of());
        when(probe.threads(any())).thenReturn(8);
        when(probe.kill(any(), anyString(), any())).thenAnswer(call -> done.add("killed " + call.getArgument(1)));
        doAnswer(call -> done.add("goes on " + call.<DaemonProcess>getArgument(0).pid())).when(probe).letGoOn(any());
        doAnswer(call -> done.add("register again")).when(probe).registerAgain(any(), any());
        when(cluster.cares(any())).thenReturn(true);
        doAnswer(call -> done.add("reported " + call.getArgument(0))).when(cluster).report(any());
        anotherHelper();
    }

    private void save(String name, double startedAt) throws Exception {
        registry.save(TestService.of(name, parameters).started(startedAt).withOpened(), parameters);
    }

    private void is(String daemon, int pid, char state) throws Exception {
        doReturn(Optional.of(new DaemonProcess(pid, state, pid, 0))).when(probe).daemon(any(), eq(daemon));
    }

    private void anotherHelper() {
        watch = new HealthWatch(registry, probe, cluster, (name, step) -> {
            if (busy) {
                return false;
            }
            step.run();
            return true;
        }, sessions, service -> {
            done.add("clients seen");
            return allAreBack;
        }, dir.resolve("services"), clock::get);
    }

    private List<String> looks(int count) throws Exception {
        for (int i = 0; i < count; i++) {
            watch.look();
            watch.await();
            clock.addAndGet(LOOK);
        }
        return done;
    }

    @Test
    void nothingIsDoneWhereNothingIsWrong() throws Exception {
        assertEquals(List.of(), looks(30));
    }

    @Test
    void servicesAreLookedAfterWhereSessionsCannotBe() throws Exception {
        doThrow(new IllegalArgumentException("not a kernel release")).when(sessions).retain(any());
        is("statd", 12, 'T');
        assertEquals(List.of("goes on 12"), looks(1));
    }

    @Test
    void clientsThatGoAreSeen() throws Exception {
        when(probe.clients(any())).thenReturn(Set.of("7"));
        looks(1);
        verify(sessions).see(WEB, Set.of("7"));
        registry.remove(WEB);
        looks(1);
        verify(sessions).retain(Set.of());
    }

    /** Not in a recovery: who is missing may still come. */
    @Test
    void clientsThatGoAreNoted() throws Exception {
        when(sessions.see(any(), any())).thenReturn(true, false);
        assertEquals(List.of(), looks(3));
        registry.update(WEB, RunningService::withRecovered);
        busy = true;
        assertEquals(List.of(), looks(1), "beside a stop");
        busy = false;
        looks(10);
        done.clear();

        when(sessions.see(any(), any())).thenReturn(true, false);
        assertEquals(List.of("clients seen"), looks(3));
    }

    /** Those that came back in its last moment may not be recorded; and those that had gone before the first look may be. */
    @Test
    void clientsAreLookedAtAfterARecoveryUntilAllAreBack() throws Exception {
        registry.update(WEB, RunningService::withRecovered);
        allAreBack = false;
        assertEquals(4, looks(4).size(), done.toString());
        done.clear();
        allAreBack = true;
        assertEquals(List.of("clients seen", "clients seen"), looks(5), "once more for who had begun");

        anotherHelper();
        done.clear();
        assertEquals(List.of("clients seen", "clients seen"), looks(5));

        anotherHelper();
        allAreBack = false;
        looks(50);
        done.clear();
        assertEquals(List.of(), looks(5), "that may never be known");
    }

    @Test
    void theNodesOwnDaemonsAreTheNodes() throws Exception {
        registry.remove(WEB);
        parameters = TestService.parameters(dir, "instance", "node");
        save("shared", 5);
        assertTrue(registry.load(new ServiceName("shared")).orElseThrow().serving());
        when(probe.threads(any())).thenReturn(0);
        when(probe.ask(any(), anyString())).thenReturn(Answer.SILENCE);
        for (String daemon : Instance.DAEMONS) {
            is(daemon, 20, 'T');
        }
        assertEquals(List.of(), looks(30));
        verify(probe, never()).daemon(any(), anyString());
        verify(probe, never()).ask(any(), anyString());
    }

    @Test
    void whatIsWrongIsReportedOnceForAStart() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        assertEquals(List.of("reported web"), looks(15));
        anotherHelper();
        assertEquals(List.of("reported web"), looks(15));
        save("web", 6);
        assertEquals(List.of("reported web", "reported web"), looks(15));
    }

    @Test
    void whatWasWrongForAMomentIsNotReported() throws Exception {
        when(probe.threads(any())).thenReturn(0, 8);
        assertEquals(List.of(), looks(5));
    }

    @Test
    void aReportThatMayHaveBeenHeardIsNotRepeated() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        doAnswer(call -> {
            done.add("tried");
            throw new IOException("no answer");
        }).when(cluster).report(any());
        assertEquals(List.of("tried"), looks(15));
    }

    @Test
    void aServiceThatTheClusterDoesNotCareForIsAskedAboutLater() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        when(cluster.cares(any())).thenAnswer(call -> !done.add("asked"));
        assertEquals(List.of("asked"), looks(10));
        assertEquals(List.of("asked", "asked"), looks(5));
    }

    @Test
    void aClusterThatCannotBeAskedIsAskedLater() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        when(cluster.cares(any())).thenThrow(new IOException("no cluster")).thenReturn(true);
        assertEquals(List.of(), looks(10));
        assertEquals(List.of("reported web"), looks(5));
    }

    @Test
    void nothingIsReportedBesideAnAction() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        busy = true;
        assertEquals(List.of(), looks(5));
        registry.save(TestService.of("web", parameters).started(5).withOpened().withStopping(), parameters);
        busy = false;
        assertEquals(List.of(), looks(5));
    }

    @Test
    void whatHasChangedMeanwhileIsNotReported() throws Exception {
        // A stop comes between the two looks at it.
        when(probe.threads(any())).thenAnswer(call -> {
            registry.save(TestService.of("web", parameters).started(5).withOpened().withStopping(), parameters);
            return 0;
        });
        assertEquals(List.of(), looks(5));
    }

    @Test
    void aStoppedDaemonGoesOnWhateverElseIsDone() throws Exception {
        busy = true;
        is("statd", 12, 'T');
        assertEquals(List.of("goes on 12"), looks(1));
        registry.save(TestService.of("web", parameters), parameters); // its start is under way
        assertEquals(List.of("goes on 12", "goes on 12"), looks(1));
    }

    @Test
    void aProcessThatIsStillThereIsSeenWithoutItsUnit() throws Exception {
        looks(1);
        doThrow(new IOException("odd")).when(probe).daemon(any(), eq("statd"));
        doReturn(Optional.of(new DaemonProcess(12, 'T', 12, 0))).when(probe).still(new DaemonProcess(12, 'S', 12, 0));
        assertEquals(List.of("goes on 12"), looks(1));
    }

    @Test
    void oneThatCannotBeLookedAtKeepsNoOtherFromIt() throws Exception {
        doThrow(new IOException("odd")).when(probe).daemon(any(), eq("rpcbind"));
        is("mountd", 13, 'T');
        assertEquals(List.of("goes on 13"), looks(1));
    }

    @Test
    void oneThatIsSilentForLongIsEndedUnlessItIsTraced() throws Exception {
        when(probe.ask(any(), eq("statd"))).thenReturn(Answer.SILENCE);
        is("statd", 12, 't');
        assertEquals(List.of(), looks(30));
        is("statd", 12, 'S');
        assertEquals(List.of(), looks(12));
        assertEquals(List.of("killed statd"), looks(2));
    }

    @Test
    void whileItIsSilentItIsAskedWithEachLook() throws Exception {
        looks(4);
        when(probe.ask(any(), eq("rpcbind"))).thenReturn(Answer.SILENCE);
        // The next time is two looks away, and it is silent for 25 s then.
        assertEquals(List.of(), looks(1 + 13));
        assertEquals(List.of("killed rpcbind"), looks(1));
    }

    @Test
    void oneWhoseEndDidNotHelpIsReported() throws Exception {
        when(probe.ask(any(), eq("statd"))).thenReturn(Answer.SILENCE);
        assertEquals(List.of("killed statd"), looks(26));
        assertEquals(List.of("killed statd", "reported web"), looks(3));
    }

    @Test
    void nobodyIsEndedBesideAnAction() throws Exception {
        when(probe.ask(any(), eq("statd"))).thenReturn(Answer.SILENCE);
        busy = true;
        assertEquals(List.of(), looks(20));
        busy = false;
        assertEquals(List.of("killed statd"), looks(1));
    }

    @Test
    void aNewRpcbindHasOthersRegisterAgainAndIsReportedForWhatCannot() throws Exception {
        looks(2);
        is("rpcbind", 77, 'S');
        when(probe.unknown(any())).thenReturn(List.of("lockd", "mountd", "nfsd", "statd"));
        assertEquals(List.of("register again", "reported web"), looks(1));
        when(probe.unknown(any())).thenReturn(List.of("lockd", "nfsd"));
        assertEquals(List.of("register again", "reported web"), looks(5));
    }

    @Test
    void whatTheNewRpcbindKnowsIsAskedWhenItAnswersAndNothingElseIsDone() throws Exception {
        looks(2);
        is("rpcbind", 77, 'S');
        when(probe.unknown(any())).thenThrow(new IOException("connection refused")).thenReturn(List.of("mountd", "statd"));
        busy = true;
        assertEquals(List.of(), looks(3));
        busy = false;
        assertEquals(List.of("register again"), looks(5));
    }

    @Test
    void anRpcbindThatDoesNotAnswerIsNoneThatKnowsNothing() throws Exception {
        doThrow(new IOException("no answer")).when(probe).unknown(any());
        assertEquals(List.of(), looks(5));
        // And is no reason not to look at anything else.
        when(probe.threads(any())).thenReturn(0);
        assertEquals(List.of("reported web"), looks(5));
    }

    @Test
    void aServiceWithoutNfsV3HasNeitherOfThem() throws Exception {
        parameters = TestService.parameters(dir, "versions", "4.1 4.2");
        save("web", 6);
        for (String daemon : List.of("rpcbind", "statd")) {
            doReturn(Optional.empty()).when(probe).daemon(any(), eq(daemon));
        }
        when(probe.ask(any(), anyString())).thenReturn(Answer.SILENCE);
        when(probe.unknown(any())).thenReturn(List.of("lockd", "mountd", "nfsd", "statd"));
        assertEquals(List.of(), looks(30));
        when(probe.threads(any())).thenReturn(0);
        assertEquals(List.of("reported web"), looks(1));
    }

    private void aSecondServiceWhoseMountdIs(int pid) throws Exception {
        save("db", 5);
        doReturn(Optional.of(new DaemonProcess(pid, 'S', pid, 0))).when(probe).daemon(eq(DB), eq("mountd"));
    }

    @Test
    void oneServicesTroubleIsNoOthers() throws Exception {
        aSecondServiceWhoseMountdIs(DB_MOUNTD);
        when(probe.threads(any())).thenAnswer(call -> {
            if (call.<DaemonProcess>getArgument(0).pid() == DB_MOUNTD) {
                throw new IllegalStateException("odd");
            }
            return 0;
        });
        assertEquals(List.of("reported web"), looks(2));
        doThrow(new IllegalStateException("odd")).when(probe).daemon(eq(DB), anyString());
        save("web", 6);
        assertEquals(List.of("reported web", "reported web"), looks(2));
    }

    @Test
    void whatHangsKeepsNobodyWaitingAndIsNotBegunTwice() throws Exception {
        aSecondServiceWhoseMountdIs(DB_MOUNTD);
        CountDownLatch end = new CountDownLatch(1);
        when(probe.threads(any())).thenAnswer(call -> {
            if (call.<DaemonProcess>getArgument(0).pid() == DB_MOUNTD) {
                end.await();
                return 8;
            }
            return 0;
        });
        watch.look();
        verify(cluster, timeout(10_000)).report(WEB);
        is("statd", 12, 'T');
        for (int i = 0; i < 3; i++) {
            watch.look();
        }
        assertEquals(6, done.stream().filter("goes on 12"::equals).count());
        verify(probe, timeout(10_000).times(1)).threads(new DaemonProcess(DB_MOUNTD, 'S', DB_MOUNTD, 0));
        end.countDown();
        watch.await();
        verify(probe, times(1)).threads(new DaemonProcess(DB_MOUNTD, 'S', DB_MOUNTD, 0));
    }
}
