// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.gracekeeper.model.RecoveryDecision.Observed;
import org.gracekeeper.model.RecoveryModel.Flaw;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * No early end of grace loses a lock, whatever clients do and whenever the service stops: many random histories of
 * {@link RecoveryModel}. The seed of a history that fails is in the failure's text; {@code -Dmodel.seed=} and
 * {@code -Dmodel.count=} choose others.
 */
class RecoveryModelTest {
    private static final long SEED = Long.getLong("model.seed", 1);
    private static final int COUNT = Integer.getInteger("model.count", 100_000);
    private static final int STEPS = 60;

    private record Outcome(int earlyEnds, int fullTimes) {}

    private static Outcome histories(UnaryOperator<Observed> blind, Flaw flaw) {
        int early = 0;
        int full = 0;
        for (long seed = SEED; seed < SEED + COUNT; seed++) {
            RecoveryModel model = new RecoveryModel(seed, seen -> RecoveryDecision.of(blind.apply(seen)), flaw);
            try {
                model.run(STEPS);
            } catch (RecoveryModel.Lost e) {
                throw new RecoveryModel.Lost("seed " + seed + ": " + e.getMessage());
            }
            early += model.earlyEnds;
            full += model.fullTimes;
        }
        return new Outcome(early, full);
    }

    @Test
    void noEarlyEndLosesALock() {
        Outcome seen = histories(UnaryOperator.identity(), Flaw.NONE);
        System.out.println(COUNT + " histories from seed " + SEED + ": " + seen.earlyEnds()
                + " early ends with something to reclaim, " + seen.fullTimes() + " clients too late for the full time");
        // Else the histories would prove nothing.
        assertTrue(seen.earlyEnds() > COUNT / 10, "grace hardly ever ended early");
        assertTrue(seen.fullTimes() > COUNT / 100, "hardly a client was ever too late");
    }

    /** A rule that looks right and is wrong, in the form of an observation that leaves something out. */
    private static void isCaught(UnaryOperator<Observed> blind) {
        assertThrows(RecoveryModel.Lost.class, () -> histories(blind, Flaw.NONE));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void wrongBookkeepingIsCaught(Flaw flaw) {
        assertThrows(RecoveryModel.Lost.class, () -> histories(UnaryOperator.identity(), flaw));
    }

    @Test
    void locksOfSeveralOwnersOnOneRangeCountSeveralTimes() {
        isCaught(o -> with(o, LockCoverage.of(o.nlmSeen().ranges().stream().map(r -> new LockCoverage.Range(
                r.fileSystem(), r.inode(), r.access(), r.first(), r.last(), 9)).toList()), o.ledger(), o.clients()));
    }

    @Test
    void aRecordOfAnNfs40ClientIsNoProofThatItHasEverything() {
        UnaryOperator<HeldState> newer = c ->
                new HeldState(c.owner(), c.name(), c.address(), 1, c.opens(), c.locks(), c.hidden());
        isCaught(o -> with(o, o.nlmSeen(), o.ledger().map(l -> with(l, newer)), o.clients().stream().map(newer).toList()));
    }

    @Test
    void aDelegationHidesLocksThatOnlyTheClientKnows() {
        UnaryOperator<HeldState> open = c ->
                new HeldState(c.owner(), c.name(), c.address(), c.minorVersion(), c.opens(), c.locks(), 0);
        isCaught(o -> with(o, o.nlmSeen(), o.ledger().map(l -> with(l, open)), o.clients()));
    }

    private static Observed with(Observed o, LockCoverage nlmSeen, Optional<Ledger> ledger, List<HeldState> clients) {
        return new Observed(o.nlmGrace(), o.v4Grace(), o.secondsLeft(), o.earlyEnd(), ledger, o.nsmHosts(), nlmSeen,
                o.v4Recorded(), o.v4Complete(), clients, o.v4Seen());
    }

    private static Ledger with(Ledger l, UnaryOperator<HeldState> change) {
        return new Ledger(l.service(), l.generation(), l.scope(), l.leaseTime(), l.graceTime(), l.nlmUnknown(),
                l.v4Unknown(), l.nlm(), l.v4(), l.clients().stream().map(change).toList());
    }
}
