// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.gracekeeper.model.HeldState.FileState;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine.Access;
import org.gracekeeper.model.RecoveryDecision.Observed;
import org.junit.jupiter.api.Test;

class RecoveryDecisionTest {
    private static final Range ONE = new Range("/srv/a", 12, Access.WRITE, 0, 9, 1);
    private static final Range TWO = new Range("/srv/a", 12, Access.READ, 20, LockLine.EOF, 2);
    private static final String OWNER = "6f776e6572";
    private static final FileState FILE = new FileState("/srv/a", 12, "rw");

    private static HeldState client(int minorVersion, int opens, int locks, int hidden) {
        return new HeldState(OWNER, "owner", "192.0.2.7:900", minorVersion,
                Collections.nCopies(opens, FILE),
                Collections.nCopies(locks, new FileState("/srv/a", 12, "")), hidden);
    }

    private static Ledger ledger(List<Range> nlm, List<Range> v4, HeldState... clients) {
        return new Ledger("web", 4, "web", 90, 90, "", "", nlm, v4, List.of(clients));
    }

    private static RecoveryDecision nlm(double left, Ledger ledger, List<String> hosts, Range... seen) {
        return RecoveryDecision.of(new Observed(true, false, left, true, Optional.ofNullable(ledger), hosts,
                LockCoverage.of(List.of(seen)), Set.of(), Set.of(), List.of(), LockCoverage.NONE));
    }

    private static RecoveryDecision v4(Ledger ledger, Set<String> complete, List<Range> seen, HeldState... now) {
        return RecoveryDecision.of(new Observed(false, true, 9, true, Optional.ofNullable(ledger), List.of(),
                LockCoverage.NONE, Set.of(OWNER), complete, List.of(now), LockCoverage.of(seen)));
    }

    @Test
    void withoutALedgerNlmGraceRunsItsFullTimeWhileAnyHostMayReclaim() {
        RecoveryDecision decision = nlm(0.1, null, List.of("192.0.2.9"), ONE);
        assertFalse(decision.endNlm());
        assertEquals("192.0.2.9", decision.missing().get(0).client());
        assertTrue(decision.onlyTimeEnds());
        assertTrue(nlm(0, null, List.of("192.0.2.9")).endNlm());
    }

    @Test
    void nlmGraceEndsAtOnceWhenNobodyCanReclaim() {
        RecoveryDecision decision = nlm(60, null, List.of());
        assertTrue(decision.endNlm());
        assertEquals("no host had locks to reclaim", decision.nlmReason());
        assertFalse(decision.onlyTimeEnds());
    }

    @Test
    void nlmGraceEndsWhenTheLastLockIsBack() {
        Ledger ledger = ledger(List.of(ONE, TWO), List.of());
        List<String> hosts = List.of("192.0.2.9");
        RecoveryDecision before = nlm(60, ledger, hosts, ONE, new Range("/srv/a", 12, Access.READ, 20, LockLine.EOF, 1));
        assertFalse(before.endNlm());
        assertEquals("1 of 3 locks back", before.nlmReason());
        RecoveryDecision after = nlm(60, ledger, hosts, ONE, TWO);
        assertTrue(after.endNlm());
        assertEquals("3 of 3 locks back", after.nlmReason());
        assertEquals(List.of(), after.missing());
    }

    @Test
    void hostsThatHeldNothingAreNotWaitedFor() {
        RecoveryDecision decision = nlm(60, ledger(List.of(), List.of()), List.of("192.0.2.9"));
        assertTrue(decision.endNlm());
        assertEquals("no lock was held", decision.nlmReason());
    }

    /** The ledger knows of a lock, and nobody was notified: something is wrong, so nothing is ended. */
    @Test
    void aLedgerWithoutItsHostsEndsNothing() {
        assertFalse(nlm(60, ledger(List.of(ONE), List.of()), List.of()).endNlm());
    }

    @Test
    void theAdministratorCanForbidAnEarlyEnd() {
        Observed seen = new Observed(true, true, 60, false, Optional.of(ledger(List.of(), List.of())), List.of(),
                LockCoverage.NONE, Set.of(), Set.of(), List.of(), LockCoverage.NONE);
        RecoveryDecision decision = RecoveryDecision.of(seen);
        assertFalse(decision.endNlm() || decision.endV4());
        assertTrue(decision.onlyTimeEnds());
    }

    @Test
    void anNfs41ClientIsDoneAtReclaimCompleteWhateverItHas() {
        Ledger ledger = ledger(List.of(), List.of(), client(2, 1, 1, 1));
        assertFalse(v4(ledger, Set.of(), List.of(), client(2, 1, 1, 1)).endV4());
        assertTrue(v4(ledger, Set.of(OWNER), List.of()).endV4());
        assertTrue(v4(null, Set.of(OWNER), List.of(), client(2, 0, 0, 0)).endV4());
        assertFalse(v4(null, Set.of(OWNER), List.of()).endV4(), "nobody knows its version");
    }

    @Test
    void anNfs40ClientIsDoneWhenAllItsStateIsBack() {
        Ledger ledger = ledger(List.of(), List.of(ONE), client(0, 1, 1, 0));
        assertFalse(v4(ledger, Set.of(OWNER), List.of(ONE), client(0, 1, 0, 0)).endV4());
        assertFalse(v4(ledger, Set.of(OWNER), List.of(), client(0, 1, 1, 0)).endV4(), "a range is missing");
        assertTrue(v4(ledger, Set.of(), List.of(ONE), client(0, 1, 1, 0)).endV4());
    }

    @Test
    void anNfs40ClientThatHadADelegationOrWasNotInALedgerHasTheFullTime() {
        assertFalse(v4(ledger(List.of(), List.of(), client(0, 1, 0, 1)), Set.of(OWNER), List.of(), client(0, 1, 0, 1))
                .endV4());
        assertFalse(v4(null, Set.of(OWNER), List.of(), client(0, 1, 1, 0)).endV4());
    }

    /** What is hidden under one client's delegation comes back in the open, and must not pass for another's lock. */
    @Test
    void lockRangesProveNothingWhereSomebodyHadADelegation() {
        HeldState other = new HeldState("6f74686572", "other", "192.0.2.8:900", 2, List.of(FILE), List.of(), 1);
        Ledger ledger = ledger(List.of(), List.of(ONE), client(0, 1, 1, 0), other);
        RecoveryDecision decision = RecoveryDecision.of(new Observed(false, true, 9, true, Optional.of(ledger), List.of(),
                LockCoverage.NONE, Set.of(OWNER, "6f74686572"), Set.of(OWNER, "6f74686572"),
                List.of(client(0, 1, 1, 0), other), LockCoverage.of(List.of(ONE))));
        assertFalse(decision.endV4());
        assertEquals("1 of 2 clients done", decision.v4Reason());
    }

    @Test
    void aRecordedClientThatHeldNothingIsNotWaitedFor() {
        assertTrue(v4(ledger(List.of(), List.of()), Set.of(), List.of()).endV4());
    }

    @Test
    void nfs4GraceDoesNotEndBeforeThatOfNlm() {
        Observed seen = new Observed(true, true, 60, true, Optional.empty(), List.of("192.0.2.9"), LockCoverage.NONE,
                Set.of(), Set.of(), List.of(), LockCoverage.NONE);
        assertFalse(RecoveryDecision.of(seen).endV4());
    }

    @Test
    void bothEndWhenTheirTimeIsOver() {
        Observed seen = new Observed(true, true, 0, false, Optional.empty(), List.of("192.0.2.9"), LockCoverage.NONE,
                Set.of(OWNER), Set.of(), List.of(), LockCoverage.NONE);
        RecoveryDecision decision = RecoveryDecision.of(seen);
        assertTrue(decision.endNlm() && decision.endV4());
        assertTrue(decision.v4Reason().contains("0 of 1 clients done"), decision.v4Reason());
    }

    @Test
    void whatHasEndedIsNotEndedAgain() {
        Observed seen = new Observed(false, false, 0, true, Optional.empty(), List.of(), LockCoverage.NONE, Set.of(),
                Set.of(), List.of(), LockCoverage.NONE);
        RecoveryDecision decision = RecoveryDecision.of(seen);
        assertFalse(decision.endNlm() || decision.endV4());
    }

    /** Whoever is back waits for the look that sees it, and there are ten of them in a second. */
    @Test
    void aLookAtManyLocksIsQuick() {
        int count = 10_000;
        List<Range> files = IntStream.range(0, count).mapToObj(i -> new Range("/srv/a", i, Access.WRITE, 0, 9, 1)).toList();
        List<Range> ofOneFile = IntStream.range(0, count)
                .mapToObj(i -> new Range("/srv/a", count, Access.WRITE, 20L * i, 20L * i + 9, 1)).toList();
        List<HeldState> old = IntStream.range(0, 50).mapToObj(i -> new HeldState(String.format("%04x", i), "c" + i,
                "192.0.2.7:900", 0, List.of(new FileState("/srv/a", i, "rw")), List.of(new FileState("/srv/a", i, "")), 0)).toList();
        for (List<Range> ranges : List.of(files, ofOneFile)) {
            Ledger ledger = ledger(ranges, files, old.toArray(HeldState[]::new));
            Observed seen = new Observed(true, true, 60, true, Optional.of(ledger), List.of("192.0.2.9"),
                    LockCoverage.of(ranges.subList(1, count)), Set.of(), Set.of(), old, LockCoverage.of(files));
            assertTimeoutPreemptively(Duration.ofSeconds(15), () -> assertEquals("9999 of 10000 locks back",
                    RecoveryDecision.of(seen).nlmReason()));
        }
    }
}
