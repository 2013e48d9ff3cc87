// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeaseGuardTest {
    @TempDir
    private Path dir;

    private Path setting;
    private Registry registry;
    private Kernel kernel;

    @BeforeEach
    void aNodeThatGivesLeases() throws IOException {
        kernel = LinuxKernel.load();
        setting = dir.resolve("leases-enable");
        Files.writeString(setting, "1\n");
        registry = new Registry(dir.resolve("services"), new DurableFiles(kernel), Metadata.defaults());
    }

    private LeaseGuard guard() {
        return new LeaseGuard(kernel, new DurableFiles(kernel), registry, setting, dir.resolve("saved"));
    }

    private void service(String name, String delegations) throws Exception {
        Parameters parameters = TestService.parameters(dir, "delegations", delegations);
        registry.save(TestService.of(name, parameters).started(5), parameters);
    }

    private String value() throws IOException {
        return Files.readString(setting).strip();
    }

    @Test
    void leasesAreOffFromTheFirstServiceToTheLast() throws Exception {
        service("a", "no");
        guard().update();
        assertEquals("0", value());
        service("b", "no");
        registry.remove(new ServiceName("a"));
        guard().update();
        assertEquals("0", value());
        registry.remove(new ServiceName("b"));
        guard().update();
        assertEquals("1", value());
        assertFalse(Files.exists(dir.resolve("saved")));
    }

    @Test
    void aServiceThatWantsDelegationsLeavesThemAlone() throws Exception {
        service("a", "yes");
        guard().update();
        assertEquals("1", value());
        service("b", "no");
        guard().update();
        assertEquals("0", value());
    }

    @Test
    void norDoesAStartThatMayBeRefused() throws Exception {
        Parameters parameters = TestService.parameters(dir, "delegations", "no");
        RunningService starting = TestService.of("a", parameters);
        registry.begin(starting, parameters);
        guard().update();
        assertEquals("1", value());
        registry.claim(starting.config().name(), others -> { });
        guard().update();
        assertEquals("0", value());
    }

    @Test
    void whatSomebodySetMeanwhileIsSetBack() throws Exception {
        service("a", "no");
        guard().update();
        Files.writeString(setting, "1\n");
        guard().update();
        assertEquals("0", value());
        Files.writeString(setting, "1\n");
        guard().keepOff();
        assertEquals("0", value());
    }

    @Test
    void aHelperThatWasKilledBetweenItsTwoWritesPutsItRight() throws Exception {
        Files.writeString(dir.resolve("saved"), "1\n");
        service("a", "no");
        guard().update();
        assertEquals("0", value());
        registry.remove(new ServiceName("a"));
        guard().update();
        assertEquals("1", value());
    }

    @Test
    void aRecordThatCannotBeReadCountsAsAServiceWithoutDelegations() throws Exception {
        Files.createDirectories(dir.resolve("services/a"));
        guard().update();
        assertEquals("0", value());
    }

    @Test
    void anAdminsOwnSettingSurvives() throws Exception {
        Files.writeString(setting, "0\n");
        service("a", "no");
        guard().update();
        assertTrue(Files.exists(dir.resolve("saved")));
        registry.remove(new ServiceName("a"));
        guard().update();
        assertEquals("0", value());
    }
}
