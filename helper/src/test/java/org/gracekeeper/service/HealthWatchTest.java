// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthWatchTest {
    @TempDir
    private Path dir;

    private final HealthProbe probe = mock(HealthProbe.class);
    private final ClusterFailure cluster = mock(ClusterFailure.class);
    private final List<String> done = new ArrayList<>();
    private Registry registry;
    private Parameters parameters;
    private boolean idle = true;
    private HealthWatch watch;

    @BeforeEach
    void aServiceThatIsWell() throws Exception {
        registry = new Registry(dir.resolve("services"), new DurableFiles(LinuxKernel.load()), Metadata.defaults());
        parameters = TestService.parameters(dir);
        registry.save(TestService.of("web", parameters).started(5).withOpened(), parameters);
        int pid = 10;
        for (String daemon : Instance.DAEMONS) {
            is(daemon, pid++, false);
        }
        when(probe.statdAnswers(any())).thenReturn(true);
        when(probe.unregistered(any())).thenReturn("");
        when(probe.threads(any())).thenReturn(8);
        when(cluster.report(any(), anyString())).thenAnswer(call -> done.add("reported: " + call.getArgument(1)));
        doAnswer(call -> done.add("goes on " + call.<HealthProbe.Daemon>getArgument(0).pid())).when(probe).letGoOn(any());
        doAnswer(call -> done.add("killed " + call.<HealthProbe.Daemon>getArgument(0).pid())).when(probe).kill(any());
        watch = new HealthWatch(registry, probe, cluster, name -> idle);
    }

    private void is(String daemon, int pid, boolean stopped) throws Exception {
        when(probe.daemon(any(), eq(daemon))).thenReturn(Optional.of(new HealthProbe.Daemon(pid, stopped)));
    }

    private List<String> looks(int count) throws Exception {
        for (int i = 0; i < count; i++) {
            watch.look();
        }
        return done;
    }

    @Test
    void nothingIsDoneWhereNothingIsWrong() throws Exception {
        assertEquals(List.of(), looks(3));
    }

    @Test
    void whatStaysWrongIsReportedOnce() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        assertEquals(List.of(), looks(1));
        assertEquals(List.of("reported: nfsd has no threads"), looks(4));
    }

    @Test
    void aDaemonThatSystemdBringsBackIsNoFailure() throws Exception {
        when(probe.daemon(any(), eq("mountd"))).thenReturn(Optional.empty());
        looks(1);
        is("mountd", 99, false);
        assertEquals(List.of(), looks(3));
    }

    @Test
    void aDaemonThatDoesNotComeBackIsOne() throws Exception {
        when(probe.daemon(any(), eq("nfsdcld"))).thenReturn(Optional.empty());
        assertEquals(List.of("reported: nfsdcld does not run, and systemd has not brought it back"), looks(3));
    }

    @Test
    void rpcbindIsAskedWhatItKnowsWhenItIsAnotherProcess() throws Exception {
        looks(1);
        when(probe.unregistered(any())).thenReturn("lockd, mountd");
        assertEquals(List.of(), looks(2)); // the same process: not asked again
        is("rpcbind", 77, false);
        assertEquals(List.of("reported: rpcbind was started anew and does not know lockd, mountd, so NFSv3 clients cannot find"
                + " them"), looks(3));
    }

    @Test
    void aStoppedDaemonGoesOnAndIsEndedOnlyWhereThatDoesNotHelp() throws Exception {
        is("statd", 12, true);
        assertEquals(List.of("goes on 12"), looks(1));
        assertEquals(List.of("goes on 12", "killed 12"), looks(1));
        is("statd", 13, false);
        looks(1);
        is("statd", 13, true);
        assertEquals(List.of("goes on 12", "killed 12", "goes on 13"), looks(1));
    }

    @Test
    void aStatdThatAnswersNothingIsEnded() throws Exception {
        when(probe.statdAnswers(any())).thenReturn(false);
        assertEquals(List.of(), looks(1));
        assertEquals(List.of("killed 12"), looks(1));
    }

    @Test
    void nothingIsDoneBesideAnAction() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        idle = false;
        assertEquals(List.of(), looks(3));
    }

    @Test
    void aServiceThatStopsIsLeftAlone() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        registry.save(TestService.of("web", parameters).started(5).withOpened().withStopping(), parameters);
        assertEquals(List.of(), looks(3));
    }

    @Test
    void whatTheClusterDoesNotManageIsToldWhenItDoes() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        doReturn(false).when(cluster).report(any(), anyString());
        looks(3);
        doAnswer(call -> done.add("reported")).when(cluster).report(any(), anyString());
        assertEquals(List.of("reported"), looks(3));
    }

    @Test
    void anotherStartIsAnotherMatter() throws Exception {
        when(probe.threads(any())).thenReturn(0);
        looks(3);
        registry.save(TestService.of("web", parameters).started(6).withOpened(), parameters);
        assertEquals(2, looks(3).size());
    }
}
