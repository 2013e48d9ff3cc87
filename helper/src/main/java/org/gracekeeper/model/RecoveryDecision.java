// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Whether a grace period may end now, and why. Pure: the same observation always gives the same answer.
 *
 * <p>A wrong early end loses locks without a word, so each rule asks for a proof that nobody can still reclaim:
 *
 * <ul>
 * <li>NLM has nothing like RECLAIM_COMPLETE. Its grace ends early when no host was there to reclaim, or when every lock
 *     of a ledger is back. After a crash there is no ledger.
 * <li>An NFSv4.1 or later client is done at RECLAIM_COMPLETE (RFC 8881, 18.51), when nfsdcld records it anew.
 * <li>An NFSv4.0 client is done when all its states of the ledger are back. That it is recorded proves nothing: the helper
 *     itself sees to that as soon as it holds anything.
 * <li>A recorded client that held nothing by a ledger is not waited for.
 * <li>NFSv4 grace does not end before NLM's. Were NLM's the longer one, an NFSv4 client that has to turn a delegation into
 *     a lock would be refused until the delegation is revoked, and somebody else could take the lock: seen on 6.1.
 * <li>Both end when the configured time is over: kernels before 7 do not always do so themselves, because they compare a
 *     boot time with the wall clock (fs/nfsd/nfs4state.c, clients_still_reclaiming).
 * </ul>
 *
 * @param nlmReason in words, what NLM grace still waits for or why it may end; empty when it is over already
 * @param v4Reason the same of NFSv4 grace
 * @param missing who may still reclaim, as far as is known
 * @param onlyTimeEnds whether nothing that clients do can end it sooner, as after a crash with NFSv3 hosts
 */
public record RecoveryDecision(boolean endNlm, boolean endV4, String nlmReason, String v4Reason,
        List<Missing> missing, boolean onlyTimeEnds) {

    public RecoveryDecision {
        missing = List.copyOf(missing);
    }

    /**
     * @param nlmGrace whether lockd is in grace
     * @param v4Grace whether nfsd is
     * @param secondsLeft of the grace time
     * @param earlyEnd whether the administrator allows an end before the time is over
     * @param ledger of the stop before this start; empty after a crash
     * @param nsmHosts hosts that had or may have had NLM locks: the NSM recovery set
     * @param nlmSeen NLM locks seen back, now or before
     * @param v4Recorded owners that nfsdcld recorded before this start, in hexadecimal
     * @param v4Complete owners that it has recorded since, now or before
     * @param clients NFSv4 clients with what they hold, now or before; those that hold nothing too
     * @param v4Seen byte ranges locked over NFSv4, now or before
     */
    public record Observed(boolean nlmGrace, boolean v4Grace, double secondsLeft, boolean earlyEnd,
            Optional<Ledger> ledger, List<String> nsmHosts, LockCoverage nlmSeen, Set<String> v4Recorded,
            Set<String> v4Complete, List<HeldState> clients, LockCoverage v4Seen) {}

    /**
     * A client that may still reclaim.
     *
     * @param protocol NFSv3, NFSv4 or NFSv4.x
     * @param client address, or name where no address is known
     * @param holds in words, as far as is known
     */
    public record Missing(String protocol, String client, String holds) {}

    public static RecoveryDecision of(Observed seen) {
        List<Missing> missing = new ArrayList<>();
        boolean over = seen.secondsLeft() <= 0;
        String nlmReason = "";
        boolean nlmDone = true;
        if (seen.nlmGrace()) {
            String proof = nlmProof(seen);
            String state = proof == null || !seen.earlyEnd() ? nlmState(seen) : "";
            nlmDone = over || seen.earlyEnd() && proof != null;
            nlmReason = over ? "its time is over" + (proof == null ? ", " + state : "") : nlmDone ? proof : state;
            if (proof == null) {
                seen.nsmHosts().forEach(host -> missing.add(new Missing("NFSv3", host, "of all such hosts: " + state)));
            }
        }
        String v4Reason = "";
        boolean v4Done = false;
        if (seen.v4Grace()) {
            Set<String> owners = owners(seen);
            List<Missing> waiting = v4Waiting(seen, owners);
            missing.addAll(waiting);
            int all = owners.size();
            String state = all == 0 ? "no client had state to reclaim" : all - waiting.size() + " of " + all + " clients done";
            v4Done = over || seen.earlyEnd() && waiting.isEmpty() && nlmDone;
            v4Reason = over ? "its time is over" + (waiting.isEmpty() ? "" : ", " + state) : state;
        }
        return new RecoveryDecision(seen.nlmGrace() && nlmDone, seen.v4Grace() && v4Done, nlmReason, v4Reason, missing,
                !seen.earlyEnd() || !nlmDone && seen.ledger().filter(Ledger::nlmKnown).isEmpty());
    }

    /** Why no NLM host can have anything left to reclaim, or null. */
    private static String nlmProof(Observed seen) {
        Ledger ledger = seen.ledger().orElse(null);
        if (ledger == null || !ledger.nlmKnown()) {
            return seen.nsmHosts().isEmpty() ? "no host had locks to reclaim" : null;
        }
        if (!ledger.nlmCoverage().missingFrom(seen.nlmSeen()).isEmpty()) {
            return null;
        }
        int locks = ledger.nlmLocks();
        return locks == 0 ? "no lock was held" : locks + " of " + locks + " locks back";
    }

    private static String nlmState(Observed seen) {
        Ledger ledger = seen.ledger().orElse(null);
        if (ledger == null) {
            return seen.nsmHosts().size() + " hosts may reclaim, their locks are not known";
        }
        if (!ledger.nlmKnown()) {
            return seen.nsmHosts().size() + " hosts may reclaim: " + ledger.nlmUnknown();
        }
        long back = ledger.nlm().stream().filter(seen.nlmSeen()::has).mapToInt(LockCoverage.Range::depth).sum();
        return back + " of " + ledger.nlmLocks() + " locks back";
    }

    /** Whom grace may have to wait for: the recorded ones, and those a ledger knows. */
    private static Set<String> owners(Observed seen) {
        Set<String> owners = new LinkedHashSet<>(seen.v4Recorded());
        // A ledger knows of everybody with state. Were one not recorded, something else is wrong: wait for it all the same.
        seen.ledger().filter(Ledger::v4Known).ifPresent(l -> l.clients().forEach(c -> owners.add(c.owner())));
        return owners;
    }

    /** Those of the owners that are not done. */
    private static List<Missing> v4Waiting(Observed seen, Set<String> owners) {
        Map<String, HeldState> now = new LinkedHashMap<>();
        seen.clients().forEach(c -> now.merge(c.owner(), c, HeldState::union));
        Ledger ledger = seen.ledger().filter(Ledger::v4Known).orElse(null);
        List<Missing> waiting = new ArrayList<>();
        for (String owner : owners) {
            HeldState held = ledger == null ? null : ledger.client(owner).orElse(null);
            HeldState is = now.get(owner);
            boolean done;
            if (ledger != null && held == null) {
                done = true;
            } else if (held != null && held.minorVersion() == 0 || is != null && is.minorVersion() == 0) {
                done = held != null && is != null && held.isBackIn(is) && rangesBack(ledger, held, seen.v4Seen());
            } else {
                // Of a client of which nothing is known but the record it may be the helper that made that.
                done = seen.v4Complete().contains(owner) && (held != null || is != null);
            }
            if (!done) {
                HeldState known = held != null ? held : is;
                waiting.add(new Missing(
                        known == null ? "NFSv4" : "NFSv4." + known.minorVersion(),
                        known == null ? text(owner) : known.address(),
                        held != null ? held.summary() : "state that is not known"));
            }
        }
        return waiting;
    }

    /**
     * Whether all ranges locked over NFSv4 are back in the files that this NFSv4.0 client has locks in. Locks that were
     * hidden under somebody's delegation come back in the open, and could be taken for those that are missing.
     */
    private static boolean rangesBack(Ledger ledger, HeldState held, LockCoverage seen) {
        if (ledger.clients().stream().anyMatch(client -> client.hidden() > 0)) {
            return held.locks().isEmpty();
        }
        Set<String> files = new LinkedHashSet<>();
        held.locks().forEach(lock -> files.add(lock.fileSystem() + " " + lock.inode()));
        List<LockCoverage.Range> wanted = ledger.v4().stream()
                .filter(range -> files.contains(range.fileSystem() + " " + range.inode()))
                .toList();
        return LockCoverage.of(wanted).missingFrom(seen).isEmpty();
    }

    private static String text(String owner) {
        byte[] bytes = HexFormat.of().parseHex(owner);
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) {
            text.append(b > 0x20 && b < 0x7f || b == ' ' ? (char) b : '?');
        }
        return text.toString();
    }
}
