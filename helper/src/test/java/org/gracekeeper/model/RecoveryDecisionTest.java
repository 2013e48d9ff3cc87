// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.gracekeeper.model.RecoveryDecision.Observed;
import org.junit.jupiter.api.Test;

class RecoveryDecisionTest {

    @Test
    void nlmGraceRunsItsFullTimeWhileAnyHostMayReclaim() {
        RecoveryDecision decision = RecoveryDecision.of(new Observed(true, false, 1, 0.1));
        assertFalse(decision.endNlm());
        assertEquals("", decision.reason());
    }

    @Test
    void nlmGraceEndsAtOnceWhenNobodyCanReclaim() {
        RecoveryDecision decision = RecoveryDecision.of(new Observed(true, true, 0, 60));
        assertTrue(decision.endNlm());
        assertFalse(decision.endV4());
        assertTrue(decision.reason().contains("no host"));
    }

    @Test
    void bothEndWhenTheirTimeIsOver() {
        RecoveryDecision decision = RecoveryDecision.of(new Observed(true, true, 3, 0));
        assertTrue(decision.endNlm());
        assertTrue(decision.endV4());
    }

    @Test
    void whatHasEndedIsNotEndedAgain() {
        RecoveryDecision decision = RecoveryDecision.of(new Observed(false, false, 0, 0));
        assertFalse(decision.endNlm() || decision.endV4());
    }
}
