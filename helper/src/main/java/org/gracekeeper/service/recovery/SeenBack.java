// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.HeldState;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.LockCoverage;
import org.gracekeeper.model.RecoveryDecision.Observed;

/** What came back so far in a service's recovery: a lock that was reclaimed and then given up was back. Thread-safe. */
final class SeenBack {
    /** The grace periods of whose end has been told. */
    private final Set<String> told = ConcurrentHashMap.newKeySet();
    private Optional<Ledger> ledger;
    private LockCoverage nlm = LockCoverage.NONE;
    private LockCoverage v4 = LockCoverage.NONE;
    private final Map<String, HeldState> clients = new HashMap<>();
    private final Set<String> complete = new HashSet<>();
    private Recovery.Grace last = new Recovery.Grace(false, false);

    SeenBack(Optional<Ledger> ledger) {
        this.ledger = ledger;
    }

    /** What has to come back is less by now. */
    synchronized void waitFor(Ledger less) {
        ledger = Optional.of(less);
    }

    /**
     * The end of a grace period is about to be told.
     *
     * @return whether it is for the first time
     */
    boolean tell(String which) {
        return told.add(which);
    }

    /** It has not ended after all. */
    void untell(String which) {
        told.remove(which);
    }

    /** What was active at the look before and is no longer. */
    synchronized Recovery.Grace ended(Recovery.Grace now) {
        Recovery.Grace ended = new Recovery.Grace(last.nlm() && !now.nlm(), last.v4() && !now.v4());
        last = now;
        return ended;
    }

    /** Whether it is known what has to come back. */
    synchronized boolean hasLedger() {
        return ledger.isPresent();
    }

    /** Whether there are locks of the ledger that have not been seen back. */
    synchronized boolean wantsLocks(Recovery.Grace grace) {
        return ledger.isPresent() && (grace.nlm() && !ledger.get().nlmCoverage().missingFrom(nlm).isEmpty()
                || grace.v4() && !ledger.get().v4Coverage().missingFrom(v4).isEmpty());
    }

    synchronized void add(Holdings.Locks locks) {
        nlm = nlm.max(LockCoverage.of(locks.nlm()));
        v4 = v4.max(LockCoverage.of(locks.v4()));
    }

    synchronized void add(List<HeldState> states) {
        states.forEach(state -> clients.merge(state.owner(), state, HeldState::union));
    }

    /** @param nowComplete as nfsdcld has it: a client that unmounts when it has reclaimed is taken out there */
    synchronized Observed observed(Recovery.Grace grace, double left, boolean earlyEnd, List<String> hosts,
            Set<String> recorded, Set<String> nowComplete) {
        complete.addAll(nowComplete);
        return new Observed(grace.nlm(), grace.v4(), left, earlyEnd, ledger, hosts, nlm, recorded, Set.copyOf(complete),
                List.copyOf(clients.values()), v4);
    }
}
