// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.standby.StandbyBasis;
import org.gracekeeper.service.standby.StandbyProbes;
import org.gracekeeper.service.standby.StandbyRecord;
import org.gracekeeper.service.standby.Standbys;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceManagerTest {
    @TempDir
    private Path dir;

    private final List<String> said = new ArrayList<>();
    private Path leasesEnable;
    private Registry registry;
    private ServiceManager manager;
    private final ServiceNamespaces namespaces = mock(ServiceNamespaces.class);
    private final HostResolver resolver = mock(HostResolver.class);
    private final StandbyProbes probes = new StandbyProbes();
    private Standbys standbys;

    /** Of which nothing can be read, as after an update gone wrong: only the emergency stop can stop it. */
    @BeforeEach
    void aServiceWithoutAReadableRecord() throws Exception {
        Kernel kernel = LinuxKernel.load();
        DurableFiles files = new DurableFiles(kernel);
        registry = new Registry(dir.resolve("services"), files, Metadata.defaults());
        leasesEnable = Files.writeString(dir.resolve("leases-enable"), "1\n");
        LeaseGuard leases = new LeaseGuard(kernel, files, registry, leasesEnable, dir.resolve("saved"));
        Parameters parameters = TestService.parameters(dir);
        registry.save(TestService.of("web", parameters).started(5), parameters);
        leases.update();
        Files.writeString(dir.resolve("services/web/service.json"), "{");
        standbys = new Standbys(dir.resolve("standby"), dir.resolve("services"), dir.resolve("plans"), files);
        Commands script = (timeout, stdin, argv) -> {
            files.deleteTree(dir.resolve("services/web"));
            return new CommandResult(argv, 0, "0\nwarn stopped without the helper\n", "", Duration.ZERO, false);
        };
        manager = new ServiceManager(
                Metadata.defaults(), registry, resolver, null, null, new EmergencyStop(script, namespaces, standbys), leases, null, null,
                new ServiceSlots(), probes);
    }

    private OcfCode stop() throws Exception {
        return manager.stop(new ServiceManager.Call("web", Map.of(), Deadline.after(Duration.ofSeconds(30)), 0,
                (level, text) -> said.add(level + " " + text)));
    }

    @Test
    void anEmergencyStopOfTheLastServiceAllowsLeasesAgain() throws Exception {
        assertEquals("0", Files.readString(leasesEnable).lines().findFirst().orElseThrow());

        assertEquals(OcfCode.SUCCESS, stop());

        assertEquals("1", Files.readString(leasesEnable).lines().findFirst().orElseThrow());
    }

    @Test
    void leasesThatCannotBeAllowedAreNoReasonForAStopToFail() throws Exception {
        Files.delete(leasesEnable);

        assertEquals(OcfCode.SUCCESS, stop());

        assertTrue(said.stream().anyMatch(line -> line.startsWith("WARN fs.leases-enable")), said.toString());
    }

    /** Of a service that lost its record, and of one that has only been prepared. */
    @Test
    void namespacesWithoutARecordAreAStandbysOrAreTakenDown() throws Exception {
        registry.remove(new ServiceName("web"));
        when(namespaces.any(any())).thenReturn(true);
        assertEquals(OcfCode.SUCCESS, stop());
        assertFalse(said.contains("INFO not running here"), said.toString());
        standbys.record(new ServiceName("web"), StandbyRecord.begun(new StandbyBasis(
                new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, true), "l2", 2, 1500, "1f")));

        assertEquals(OcfCode.SUCCESS, stop());

        assertTrue(said.contains("INFO not running here"), said.toString());
        assertTrue(standbys.stands(new ServiceName("web")));
        assertEquals(OcfCode.NOT_RUNNING, manager.monitor(new ServiceManager.Call("web", Map.of(),
                Deadline.after(Duration.ofSeconds(30)), 0, (level, text) -> said.add(text)), true));
        assertEquals(List.of(), manager.services());
    }

    /** Pacemaker does that when the agent was killed. Where names are looked up, or storage is slow, a start takes a while. */
    @Test
    void aStartThatAStopHasOvertakenComesToNothing() throws Exception {
        registry.remove(new ServiceName("web"));
        when(resolver.resolve(any(), any(), any())).thenAnswer(call -> {
            assertEquals(OcfCode.SUCCESS, stop());
            return TestService.at(dir);
        });
        ServiceManager.Call start = new ServiceManager.Call("web", Map.of("OCF_RESKEY_ip", "192.0.2.1/24",
                "OCF_RESKEY_state_dir", dir.toString(), "OCF_RESKEY_exports", "/srv/a/data *(rw)"), Deadline.after(Duration.ofSeconds(30)), 0, (level, text) -> said.add(text));

        OcfException e = assertThrows(OcfException.class, () -> manager.start(start));

        assertTrue(e.getMessage().contains("given up for a stop"), e.getMessage());
        assertEquals(List.of(), manager.services());
    }

    private OcfCode probe(String service) throws Exception {
        return manager.monitor(new ServiceManager.Call(service, Map.of("OCF_RESKEY_CRM_meta_interval", "0", "OCF_RESKEY_ip", "?"),
                Deadline.after(Duration.ofSeconds(30)), 0, (level, text) -> said.add(text)), false);
    }

    /** It leaves what it was called with to others, whatever that is, and a service that is here is none of theirs. */
    @Test
    void aProbeSaysThatNothingRunsAndHandsItsParametersOn() throws Exception {
        assertEquals(OcfCode.NOT_RUNNING, probe("other"));
        assertThrows(IOException.class, () -> probe("web"));
        assertThrows(OcfException.class, () -> probe("../other"));
        assertEquals(Map.of(new ServiceName("other"), Map.of("OCF_RESKEY_CRM_meta_interval", "0", "OCF_RESKEY_ip", "?")), probes.take());
        assertEquals(Map.of(), probes.take());
        assertEquals(List.of(), said);
        try (Stream<Path> files = Files.list(dir)) {
            assertEquals(List.of("leases-enable", "saved", "services"), files.map(file -> file.getFileName().toString()).sorted().toList());
        }
    }

    private OcfCode expire(String service) {
        return assertThrows(OcfException.class, () -> manager.expire(new ServiceManager.Call(service, Map.of(),
                Deadline.after(Duration.ofSeconds(30)), 0, (level, text) -> said.add(text)), "192.0.2.21")).code();
    }

    /** What a start or a stop has in its hands is not for anybody else. */
    @Test
    void nobodyIsEndedOfAServiceThatDoesNotServe() throws Exception {
        Parameters parameters = TestService.parameters(dir);
        assertEquals(OcfCode.NOT_RUNNING, expire("other"));
        registry.save(TestService.of("starting", parameters).started(5), parameters);
        assertEquals(OcfCode.NOT_RUNNING, expire("starting"));
        registry.save(TestService.of("stopping", parameters).started(5).withOpened().withStopping(), parameters);
        assertEquals(OcfCode.NOT_RUNNING, expire("stopping"));
        assertEquals(OcfCode.CONFIGURED, expire("../web"));
    }
}
