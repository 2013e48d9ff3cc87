// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthWatchTest {
    private static final long LOOK = 2_000_000_000L;

    @TempDir
    private Path dir;

    private final HealthProbe probe = mock(HealthProbe.class);
    private final ClusterFailure cluster = mock(ClusterFailure.class);
    private final List<String> done = Collections.synchronizedList(new ArrayList<>());
    private final AtomicLong clock = new AtomicLong();
    private Registry registry;
    private Parameters parameters;
    private boolean busy;

    @BeforeEach
    void aServiceThatIsWell() throws Exception {
        registry = new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        parameters = TestService.parameters(dir);
        save("web", 5);
        int pid = 10;
        for (String daemon : Instance.DAEMONS) {
            is(daemon, pid++, 'S');
        }
        when(probe.statd(any())).thenReturn(Answer.YES);
        when(probe.unknown(any())).thenReturn(List.of());
        when(probe.threads(any())).thenReturn(8);
        when(probe.kill(any(), anyString(), any())).thenAnswer(call -> done.add("killed " + call.getArgument(1)));
        doAnswer(call -> done.add("goes on " + call.<DaemonProcess>getArgument(0).pid())).when(probe).letGoOn(any());
        doAnswer(call -> done.add("register again")).when(probe).registerAgain(any(), any());
        when(cluster.cares(any())).thenReturn(true);
        doAnswer(call -> done.add("reported " + call.getArgument(0))).when(cluster).report(any());
    }

    private final List<HealthWatch> watches = new ArrayList<>();

    private void save(String name, double startedAt) throws Exception {
        registry.save(TestService.of(name, parameters).started(startedAt).withOpened(), parameters);
    }

    private void is(String daemon, int pid, char state) throws Exception {
        doReturn(Optional.of(new DaemonProcess(pid, state, pid, 0))).when(probe).daemon(any(), eq(daemon));
    }

    private HealthWatch helper() {
        return new HealthWatch(registry, probe, cluster, (name, step) -> {
            if (busy) {
                return false;
            }
            step.run();
            return true;
        }, dir.resolve("services"), clock::get);
    }

    private List<String> looks(int count) throws Exception {
        if (watches.isEmpty()) {
            watches.add(helper());
        }
        for (int i = 0; i < count; i++) {
            watches.get(0).look();
            watches.get(0).await();
            clock.addAndGet(LOOK);
        }
        return done;
    }

    @Test
    void nothingIsDoneWhereNothingIsWrong() throws Exception {
        assertEquals(List.of(), looks(30));
    }

    @Test
    void whatIsWrongIsReportedOnceForAStart() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        assertEquals(List.of("reported web"), looks(5));
        watches.set(0, helper()); // another helper
        assertEquals(List.of("reported web"), looks(5));
        save("web", 6);
        assertEquals(List.of("reported web", "reported web"), looks(5));
    }

    @Test
    void aReportThatMayHaveBeenHeardIsNotRepeated() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        doAnswer(call -> {
            done.add("tried");
            throw new IOException("no answer");
        }).when(cluster).report(any());
        assertEquals(List.of("tried"), looks(10));
    }

    @Test
    void aServiceThatTheClusterDoesNotCareForIsAskedAboutLater() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        when(cluster.cares(any())).thenAnswer(call -> !done.add("asked"));
        assertEquals(List.of("asked"), looks(10));
        assertEquals(List.of("asked", "asked"), looks(5));
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
    void aStoppedDaemonGoesOnWhateverElseIsDone() throws Exception {
        busy = true;
        is("statd", 12, 'T');
        assertEquals(List.of("goes on 12"), looks(1));
        registry.save(TestService.of("web", parameters), parameters); // its start is under way
        assertEquals(List.of("goes on 12", "goes on 12"), looks(1));
    }

    @Test
    void oneThatIsTracedIsLeftAlone() throws Exception {
        is("statd", 12, 't');
        when(probe.statd(any())).thenReturn(Answer.YES);
        assertEquals(List.of(), looks(5));
    }

    @Test
    void aStatdThatIsSilentForLongIsEnded() throws Exception {
        when(probe.statd(any())).thenReturn(Answer.SILENCE);
        assertEquals(List.of(), looks(12));
        assertEquals(List.of("killed statd"), looks(10));
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
    void anRpcbindThatDoesNotAnswerIsNoneThatKnowsNothing() throws Exception {
        doThrow(new IOException("no answer")).when(probe).unknown(any());
        assertEquals(List.of(), looks(5));
    }

    @Test
    void oneServicesTroubleIsNoOthers() throws Exception {
        save("db", 5);
        when(probe.threads(any())).thenAnswer(call -> {
            if (call.<RunningService>getArgument(0).config().name().value().equals("db")) {
                throw new IllegalStateException("odd");
            }
            return 0;
        });
        assertEquals(List.of("reported web"), looks(2));
    }
}
