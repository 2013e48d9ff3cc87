// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelVersionTest {

    @ParameterizedTest
    @CsvSource({
        "6.1.0-56-cloud-amd64, true",
        "5.14.0-427.el9.x86_64, true",
        "6.8.12, true",
        "6.9.0-rc1, false",
        "6.12.117+deb12-cloud-amd64, false",
        "7.2.13, false"
    })
    void unlockFilesystemRevokesNfsV4StateFrom69On(String release, boolean nlmOnly) {
        assertEquals(nlmOnly, KernelVersion.parse(release).unlockFilesystemIsNlmOnly());
    }

    @ParameterizedTest
    @CsvSource({"6.1.0-56-cloud-amd64, true", "6.5.13, true", "6.6.1, false", "6.12.117+deb12-cloud-amd64, false"})
    void delegationsDoNotSurviveFrom66On(String release, boolean survive) {
        assertEquals(survive, KernelVersion.parse(release).delegationsSurviveRecovery());
    }

    @ParameterizedTest
    @CsvSource({"6.1.0-56-cloud-amd64, true", "6.13.9, true", "6.14.0-rc1, false", "7.2.13, false"})
    void sessionsShareMemoryUpTo613(String release, boolean share) {
        assertEquals(share, KernelVersion.parse(release).sessionsShareMemory());
    }
}
