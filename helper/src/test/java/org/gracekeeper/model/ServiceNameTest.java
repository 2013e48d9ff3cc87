// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.junit.jupiter.api.Test;

class ServiceNameTest {
    @Test
    void takesWhatIsTheSameInPathsUnitsSlicesAndNamespaces() throws OcfException {
        for (String name : List.of("w", "data_nfs", "nfs-web-2", "3.a_", "x".repeat(64))) {
            assertEquals(name, ServiceName.ofResource(name).value());
        }
    }

    @Test
    void refusesAnythingElseWithTheNameAndTheRule() {
        for (String name : List.of("", "-n", "a-", "a--b", "..", "_a", "a b", "a/b", "a:1", "a\n", "x".repeat(65))) {
            OcfException refusal = assertThrows(OcfException.class, () -> ServiceName.ofResource(name), name);
            assertEquals(OcfCode.CONFIGURED, refusal.code());
            assertTrue(refusal.getMessage().contains('"' + name.replace('\n', ' ') + '"'), refusal.getMessage());
        }
    }
}
