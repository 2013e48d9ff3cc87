// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.gracekeeper.node.ClusterResources.Answer.FORBIDDEN;
import static org.gracekeeper.node.ClusterResources.Answer.GONE;
import static org.gracekeeper.node.ClusterResources.Answer.UNKNOWN;
import static org.gracekeeper.node.ClusterResources.Answer.UNWANTED;
import static org.gracekeeper.node.ClusterResources.Answer.YES;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.gracekeeper.node.ClusterResources.Answer;
import org.gracekeeper.service.standby.StandbyDecision.Known;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StandbyDecisionTest {
    private static StandbyDecision decide(boolean stands, boolean usable, boolean possible, Answer answer) {
        return StandbyDecision.of(new Known(true, stands, usable, possible, answer));
    }

    @Test
    void itIsMadeWhereTheClusterHasTheResource() {
        assertEquals(StandbyDecision.MAKE, decide(false, true, true, YES));
        assertEquals(StandbyDecision.LEAVE, decide(false, true, true, UNKNOWN));
        assertEquals(StandbyDecision.LEAVE, decide(false, true, false, YES));
    }

    @Test
    void oneThatIsOfUseStaysEvenWhereTheClusterDoesNotAnswer() {
        assertEquals(StandbyDecision.LEAVE, decide(true, true, true, YES));
        assertEquals(StandbyDecision.LEAVE, decide(true, true, true, UNKNOWN));
    }

    @Test
    void oneThatIsOfNoUseGoesInAnyCase() {
        assertEquals(StandbyDecision.ANEW, decide(true, false, true, YES));
        assertEquals(StandbyDecision.DROP, decide(true, false, true, UNKNOWN));
        assertEquals(StandbyDecision.DROP, decide(true, false, false, YES));
    }

    /** The constraint may go, and the node is not probed again then. */
    @Test
    void whereItMayNeverRunItGoesAndIsRemembered() {
        for (boolean usable : new boolean[] {true, false}) {
            assertEquals(StandbyDecision.DROP, decide(true, usable, true, FORBIDDEN));
            assertEquals(StandbyDecision.LEAVE, decide(false, usable, true, FORBIDDEN));
        }
    }

    @Test
    void withTheResourceAllGoes() {
        for (Answer answer : new Answer[] {GONE, UNWANTED}) {
            for (boolean stands : new boolean[] {true, false}) {
                for (boolean usable : new boolean[] {true, false}) {
                    assertEquals(StandbyDecision.GIVE_UP, decide(stands, usable, true, answer));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatNothingIsKnownOfGoes(Answer answer) {
        assertEquals(StandbyDecision.DROP, StandbyDecision.of(new Known(false, true, true, true, answer)));
        assertEquals(StandbyDecision.LEAVE, StandbyDecision.of(new Known(false, false, true, true, answer)));
    }
}
