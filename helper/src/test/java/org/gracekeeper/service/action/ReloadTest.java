// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.standby.StandbyProbes;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.Sharing;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReloadTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final String FSID = "5f0c9a3e-8d1b-4c8e-9a57-2f6b1d0e7c44";
    private static final String BEFORE = "/srv/a/data *(rw)";
    private static final String AFTER = "/srv/a/data 192.0.2.0/24(rw)";

    @TempDir
    private Path dir;

    private final Kernel kernel = LinuxKernel.load();
    private final HostResolver resolver = mock(HostResolver.class);
    private final OwnStack stack = mock(OwnStack.class);
    private final List<String> said = new ArrayList<>();
    private final List<String> applied = new ArrayList<>();
    private Registry registry;
    private ServiceManager manager;

    @BeforeEach
    void aServiceThatServes() throws Exception {
        registry = new Registry(dir.resolve("services"), new DurableFiles(kernel), Metadata.defaults());
        Parameters parameters = TestService.parameters(dir);
        registry.save(TestService.of("web", parameters).started(5).withOpened(), parameters);
        when(resolver.resolve(any(), any(), any())).thenAnswer(
                call -> new RunningService(call.getArgument(0), "eth0", List.of(), List.of(), List.of(), 90, 0, false, false,
                        false, ""));
        when(stack.monitor(any())).thenReturn(Optional.empty());
        when(stack.remarks(any())).thenReturn(List.of());
        doAnswer(call -> applied.add(call.<Operation>getArgument(0).service().config().exports())).when(stack).reload(any(), any());
        manager = new ServiceManager(Metadata.defaults(), registry, resolver,
                new Stacks(stack, null, null, null, null, null), null, null, null, null, new Sharing(kernel), new ServiceSlots(),
                new StandbyProbes());
    }

    private ServiceManager.Call call(String exports) throws Exception {
        Map<String, String> environment = new HashMap<>();
        TestService.parameters(dir, "exports", exports).values()
                .forEach((name, value) -> environment.put("OCF_RESKEY_" + name, value));
        return new ServiceManager.Call("web", environment, Deadline.after(Duration.ofSeconds(30)), 0,
                (level, text) -> said.add(level + " " + text));
    }

    private String inForce() throws IOException {
        return registry.load(WEB).orElseThrow().config().exports();
    }

    private void refused(String exports, String why) throws Exception {
        assertEquals(OcfCode.SUCCESS, manager.reload(call(exports)));

        assertEquals(BEFORE, inForce());
        assertTrue(said.stream().anyMatch(l -> l.startsWith("ERR new parameters are not taken over") && l.contains(why)),
                said.toString());
        OcfException degraded = assertThrows(OcfException.class, () -> manager.monitor(call(exports), false));
        assertEquals(OcfCode.DEGRADED, degraded.code());
        assertTrue(degraded.getMessage().contains(why), degraded.getMessage());
    }

    @Test
    void newExportsAreTakenOver() throws Exception {
        assertEquals(OcfCode.SUCCESS, manager.reload(call(AFTER)));

        assertEquals(AFTER, inForce());
        assertEquals(List.of(AFTER), applied);
        assertEquals(OcfCode.SUCCESS, manager.monitor(call(AFTER), false));
    }

    @Test
    void exportsThatCannotBeReadChangeNothingButTheMonitor() throws Exception {
        refused("data *(rw)", "exports");
        assertEquals(List.of(), applied);
    }

    @Test
    void exportsThatThisHostHasNotChangeNothingButTheMonitor() throws Exception {
        when(resolver.resolve(any(), any(), any())).thenThrow(new OcfException(OcfCode.INSTALLED, "no directory /srv/b"));

        refused("/srv/b *(rw)", "no directory /srv/b");
        assertEquals(List.of(), applied);
    }

    @Test
    void exportsThatExportfsRefusesArePutBack() throws Exception {
        doThrow(new IOException("exportfs: what is that")).doAnswer(
                call -> applied.add(call.<Operation>getArgument(0).service().config().exports())).when(stack).reload(any(), any());

        refused(AFTER, "what is that");
        assertEquals(List.of(BEFORE), applied);
    }

    private static List<PlannedExport> exports(String path, String fsid) {
        return List.of(new PlannedExport(path, fsid, List.of(new PlannedExport.Client("*", List.of()))));
    }

    private RunningService resolved(ServiceConfig config, List<PlannedExport> exports, List<DeviceId> devices) {
        return new RunningService(config, "eth0", List.of(), exports, devices, 90, 0, false, false, false, "");
    }

    /** It serves, too. */
    private void another(List<PlannedExport> exports, List<DeviceId> devices) throws Exception {
        Parameters parameters = TestService.parameters(dir, "ip", "192.0.2.2/24");
        registry.save(resolved(TestService.of("db", parameters).config(), exports, devices).started(5).withOpened(), parameters);
    }

    @Test
    void anFsidThatAnotherServiceHasIsRefusedAsAtAStart() throws Exception {
        another(exports("/srv/b", FSID), List.of());
        when(resolver.resolve(any(), any(), any())).thenAnswer(
                call -> resolved(call.getArgument(0), exports(dir.toString(), FSID), List.of()));

        refused(AFTER, "fsid " + FSID + " of " + dir + " is already used by service db");
        assertEquals(List.of(), applied);
    }

    /** No start would have it, so to start anew is no way out. */
    @Test
    void soIsAFileSystemThatAnotherServiceHas() throws Exception {
        List<DeviceId> device = List.of(DeviceId.ofDevT(kernel.deviceOf(dir)));
        another(List.of(), device);
        when(resolver.resolve(any(), any(), any())).thenAnswer(
                call -> resolved(call.getArgument(0), exports(dir.toString(), FSID), device));

        refused(AFTER, "the file system of " + dir + " is already used by service db");
        assertEquals(List.of(), applied);
    }

    @Test
    void norIsItTakenFromOneThatComesMeanwhile() throws Exception {
        List<List<PlannedExport>> before = new ArrayList<>();
        when(resolver.resolve(any(), any(), any())).thenAnswer(
                call -> resolved(call.getArgument(0), exports(dir.toString(), FSID), List.of()));
        doAnswer(call -> {
            applied.add(call.<Operation>getArgument(0).service().config().exports());
            before.add(call.getArgument(1));
            another(exports("/srv/b", FSID), List.of());
            return null;
        }).when(stack).reload(any(), any());

        refused(AFTER, "is already used by service db");
        assertEquals(List.of(AFTER, BEFORE), applied);
        assertEquals(List.of(List.of(), exports(dir.toString(), FSID)), before, "what was exported for it is not any more");
    }

    @Test
    void rightParametersEndIt() throws Exception {
        refused("data *(rw)", "exports");

        assertEquals(OcfCode.SUCCESS, manager.reload(call(AFTER)));

        assertEquals(AFTER, inForce());
        assertEquals(OcfCode.SUCCESS, manager.monitor(call(AFTER), false));
    }

    @Test
    void whatIsNotTheServicesFaultIsSaidAndLeftAlone() throws Exception {
        when(stack.remarks(any())).thenReturn(List.of("this node has it mounted at /mnt"));

        OcfException degraded = assertThrows(OcfException.class, () -> manager.monitor(call(BEFORE), false));
        assertEquals(OcfCode.DEGRADED, degraded.code());
        assertEquals("service web serves, but this node has it mounted at /mnt", degraded.getMessage());
        when(stack.monitor(any())).thenReturn(Optional.of("nfsd has no threads"));
        assertEquals(OcfCode.GENERIC, assertThrows(OcfException.class, () -> manager.monitor(call(BEFORE), false)).code());
    }

    @Test
    void allOfItIsSaid() throws Exception {
        refused("data *(rw)", "exports");
        when(stack.remarks(any())).thenReturn(List.of("clients use it through others", "hosts are one client"));

        String said = assertThrows(OcfException.class, () -> manager.monitor(call(BEFORE), false)).getMessage();

        assertTrue(said.startsWith("service web serves, but with the parameters it had before the last change"), said);
        assertTrue(said.endsWith("; clients use it through others; hosts are one client"), said);
    }

    @Test
    void aFaultIsMoreThanParametersThatWereRefused() throws Exception {
        refused("data *(rw)", "exports");
        when(stack.monitor(any())).thenReturn(Optional.of("nfsd has no threads"));

        assertEquals(OcfCode.GENERIC, assertThrows(OcfException.class, () -> manager.monitor(call(AFTER), false)).code());
    }

    @Test
    void anotherFileSystemTakesANewStart() throws Exception {
        when(resolver.resolve(any(), any(), any())).thenAnswer(
                call -> new RunningService(call.getArgument(0), "eth0", List.of(), List.of(), List.of(new DeviceId(8, 1)), 90,
                        0, false, false, false, ""));

        OcfException refusal = assertThrows(OcfException.class, () -> manager.reload(call(AFTER)));

        assertTrue(refusal.getMessage().contains("another file system"), refusal.getMessage());
        assertEquals(BEFORE, inForce());
        assertEquals(List.of(), applied);
    }

    @Test
    void whatDoesNotRunCannotBeReloaded() throws Exception {
        registry.remove(WEB);

        assertEquals(OcfCode.NOT_RUNNING, assertThrows(OcfException.class, () -> manager.reload(call(AFTER))).code());
    }
}
