// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.exec.CommandResult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NfsServerUnitTest {
    private static final Deadline SOON = Deadline.after(Duration.ofMinutes(1));

    private final Node node = mock(Node.class);
    private final NfsServerUnit unit = new NfsServerUnit(node);
    private final List<String> asked = new ArrayList<>();
    private String answer;

    @BeforeEach
    void aSystemd() throws Exception {
        when(node.run(any(), any(String[].class))).thenAnswer(call -> {
            asked.add(call.getArgument(4));
            return new CommandResult(List.of(), 0, answer + "\n", "", Duration.ZERO, false);
        });
    }

    @Test
    void aJobIsANumber() throws Exception {
        answer = "1423";
        assertTrue(unit.hasJob(SOON));
        for (String none : List.of("", "0")) {
            answer = none;
            assertFalse(unit.hasJob(SOON));
        }
        assertEquals(List.of("--property=Job", "--property=Job", "--property=Job"), asked);
    }
}
