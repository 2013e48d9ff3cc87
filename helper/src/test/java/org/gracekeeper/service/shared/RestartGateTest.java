// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RestartGateTest {
    private final RestartGate gate = new RestartGate();

    @Test
    void aRestartDisturbsWhatBeganBeforeOrDuringIt() throws Exception {
        long before = gate.mark();
        assertFalse(gate.disturbed(before));
        long[] during = new long[1];
        gate.restart(() -> {
            during[0] = gate.mark();
            assertTrue(gate.disturbed(before));
            assertTrue(gate.disturbed(during[0]));
        });
        assertTrue(gate.disturbed(before));
        assertTrue(gate.disturbed(during[0]));
        assertFalse(gate.disturbed(gate.mark()));
    }

    @Test
    void whoLooksAgainBeforeLongDoesNotWaitForIt() throws Exception {
        List<String> looked = new ArrayList<>();
        gate.restart(() -> {
            Thread other = new Thread(() -> {
                try {
                    gate.tryLook(() -> looked.add("during"));
                } catch (Exception e) {
                    looked.add(e.toString());
                }
            });
            other.start();
            other.join();
        });
        gate.tryLook(() -> looked.add("after"));
        assertEquals(List.of("after"), looked);
    }
}
