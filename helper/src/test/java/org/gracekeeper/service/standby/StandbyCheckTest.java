// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.daemons.HealthProbe;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Namespaces;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandbyCheckTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final StandbyPlan PLAN = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, true);
    private static final StandbyBasis BASIS = new StandbyBasis(PLAN, "l2", 2, 1500, "1f");
    private static final ServiceNamespaces.Numbers NUMBERS = new ServiceNamespaces.Numbers(11, 12);

    @TempDir
    private Path dir;

    private final Node node = mock(Node.class);
    private final StandbySite site = mock(StandbySite.class);
    private final ServiceNamespaces namespaces = mock(ServiceNamespaces.class);
    private final MountNamespace mounts = mock(MountNamespace.class);
    private final ServiceLink link = mock(ServiceLink.class);
    private final HealthProbe probe = mock(HealthProbe.class);
    private Standbys standbys;
    private StandbyCheck check;

    @BeforeEach
    void aStandbyThatFits() throws Exception {
        standbys = new Standbys(dir.resolve("standby"), dir, dir, new DurableFiles(LinuxKernel.load()));
        standbys.record(WEB, StandbyRecord.begun(BASIS).complete(NUMBERS, 7));
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(site.basis(any())).thenReturn(BASIS);
        when(namespaces.missing(any())).thenReturn(Optional.empty());
        when(namespaces.numbers(any())).thenReturn(NUMBERS);
        when(link.standbyProblem(any(), eq(7))).thenReturn(Optional.empty());
        when(mounts.standbyProblem()).thenReturn(Optional.empty());
        when(probe.ask(any(), eq("rpcbind"))).thenReturn(Answer.YES);
        check = new StandbyCheck(node, standbys, site, namespaces, mounts, link, probe);
    }

    private String problem() throws Exception {
        return check.problem(WEB, PLAN).orElse("");
    }

    @Test
    void itFits() throws Exception {
        assertEquals("", problem());
        assertEquals(Optional.empty(), check.problemAtRest(WEB, PLAN));
    }

    @Test
    void oneThatIsNotComplete() throws Exception {
        standbys.record(WEB, StandbyRecord.begun(BASIS));
        assertEquals("it did not become complete, or another version made it", problem());
        Files.writeString(dir.resolve("standby/web"), "{}");
        assertEquals("it did not become complete, or another version made it", problem());
        verify(link, never()).standbyProblem(any(), anyInt());
    }

    @Test
    void oneThatIsMadeFromSomethingElse() throws Exception {
        when(site.basis(any())).thenReturn(new StandbyBasis(PLAN, "l2", 3, 1500, "1f"));
        assertEquals("device eth0 is another one now", problem());
    }

    @Test
    void oneWhoseParentIsGone() throws Exception {
        when(site.basis(any())).thenThrow(new IOException("this node has no network device eth0"));
        assertThrows(IOException.class, this::problem);
    }

    @Test
    void oneWhoseNamespacesAreGoneOrOthers() throws Exception {
        when(namespaces.numbers(any())).thenReturn(new ServiceNamespaces.Numbers(11, 13));
        assertEquals("its namespaces are others now", problem());
        when(namespaces.missing(any())).thenReturn(Optional.of("network namespace gk-web is gone"));
        assertEquals("network namespace gk-web is gone", problem());
    }

    @Test
    void oneWhoseDeviceSomebodyHasUsed() throws Exception {
        when(link.standbyProblem(any(), eq(7))).thenReturn(Optional.of("somebody has given it an address"));
        assertEquals("somebody has given it an address", problem());
    }

    @Test
    void oneThatWouldKeepAFileSystem() throws Exception {
        when(mounts.standbyProblem()).thenReturn(Optional.of("/srv/x would stay"));
        assertEquals("/srv/x would stay", problem());
    }

    @Test
    void oneWhoseRpcbindIsSilentOrGone() throws Exception {
        for (Answer answer : List.of(Answer.SILENCE, Answer.REFUSED)) {
            when(probe.ask(any(), eq("rpcbind"))).thenReturn(answer);
            assertEquals(Optional.of("its rpcbind does not answer"), check.problemAtRest(WEB, PLAN));
            assertEquals("", problem(), "a start sees to it itself");
        }
        StandbyPlan v4 = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, false);
        assertEquals(Optional.empty(), check.problemAtRest(WEB, v4), "nobody asks it");
    }

    /** As where a file system was mounted on a mount that is private: the namespace has the empty directory below it. */
    @Test
    void whatTheServiceWouldSeeOtherwiseThanTheNode() throws Exception {
        Path here = Files.createDirectory(dir.resolve("here"));
        Path state = Files.createDirectories(here.resolve("state"));
        Files.createDirectories(here.resolve("export"));
        RunningService service = TestService.at(state);
        service = service.with(service.config(), List.of(
                new PlannedExport(here.resolve("export").toString(), "f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3", List.of())));
        assertEquals(Optional.empty(), check.unseen(service));
        Path other = Files.createDirectories(dir.resolve("other/export"));
        Files.createDirectories(dir.resolve("other/state"));
        doAnswer(call -> {
            Object result = call.<Callable<?>>getArgument(1).call();
            if (call.getArgument(0).equals(Namespaces.HOST)) {
                Files.move(here, dir.resolve("away"));
                Files.move(other.getParent(), here);
            }
            return result;
        }).when(node).in(any(), any());
        assertEquals("its mount namespace has another directory at " + state + " than the node", check.unseen(service).orElse(""));
        Files.delete(here.resolve("export"));
        doAnswer(call -> call.<Callable<?>>getArgument(1).call()).when(node).in(any(), any());
        RunningService gone = service;
        assertThrows(NoSuchFileException.class, () -> check.unseen(gone));
    }
}
