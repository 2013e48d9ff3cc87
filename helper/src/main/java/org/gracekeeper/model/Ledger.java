// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a service's clients held when it was stopped in order: all that has to come back before its grace may end early.
 * It is written when no client can reach the service any more, and is good for the very next start only.
 *
 * <p>An NLM lock has no owner in it (see {@link LockCoverage}); NFSv4 state is kept for each client. Of an NFSv4.1 or
 * later client only that it held anything matters, since it says itself when it has finished (RECLAIM_COMPLETE); an
 * NFSv4.0 client does not, so each of its states is compared.
 *
 * @param generation the start whose end this is, see the service's record in the state directory
 * @param scope the NFSv4 server scope then
 * @param leaseTime seconds, then in force
 * @param graceTime seconds, then in force
 * @param nlmUnknown why the NLM locks are not known, or empty when {@code nlm} has them all
 * @param v4Unknown why the NFSv4 state is not known, or empty when {@code clients} has all of it
 * @param nlm NLM locks
 * @param v4 byte ranges locked over NFSv4, which tell whether all ranges of an NFSv4.0 lock owner are back
 * @param clients NFSv4 clients that held something
 */
public record Ledger(String service, long generation, String scope, int leaseTime, int graceTime, String nlmUnknown,
        String v4Unknown, List<LockCoverage.Range> nlm, List<LockCoverage.Range> v4, List<HeldState> clients) {

    public Ledger {
        nlm = List.copyOf(nlm);
        v4 = List.copyOf(v4);
        clients = List.copyOf(clients);
    }

    public boolean nlmKnown() {
        return nlmUnknown.isEmpty();
    }

    public boolean v4Known() {
        return v4Unknown.isEmpty();
    }

    public LockCoverage nlmCoverage() {
        return LockCoverage.of(nlm);
    }

    public LockCoverage v4Coverage() {
        return LockCoverage.of(v4);
    }

    /** How many NLM locks, an owner's adjacent ranges being one. */
    public int nlmLocks() {
        return nlm.stream().mapToInt(LockCoverage.Range::depth).sum();
    }

    /** Whether anybody may come to reclaim something. */
    public boolean holdsAnything() {
        return !nlmKnown() || !v4Known() || !nlm.isEmpty() || !clients.isEmpty();
    }

    public Optional<HeldState> client(String owner) {
        return clients.stream().filter(c -> c.owner().equals(owner)).findFirst();
    }

    /**
     * This ledger without an NFSv4 client, which shall not be waited for any more. Byte ranges have no owner and stay: they
     * only matter for the files that another client has locks in.
     *
     * @param owner its owner string in hexadecimal
     */
    public Ledger withoutClient(String owner) {
        return new Ledger(service, generation, scope, leaseTime, graceTime, nlmUnknown, v4Unknown, nlm, v4,
                clients.stream().filter(c -> !c.owner().equals(owner)).toList());
    }

    /** This ledger when nobody is left who could reclaim an NLM lock. */
    public Ledger withoutNlm() {
        return new Ledger(service, generation, scope, leaseTime, graceTime, "", v4Unknown, List.of(), v4, clients);
    }

    /**
     * What is known at a stop.
     *
     * @param ownGeneration the start that this node made and now ends; empty when it failed before it was counted
     * @param generation the start that the state directory counted last
     * @param stored the ledger in the state directory, of whatever start
     * @param served whether the start came as far as to let clients through
     * @param complete whether everything that is held can be seen now: the server still has it, and nobody can reach it
     */
    public record AtStop(OptionalLong ownGeneration, long generation, Optional<Ledger> stored, boolean served,
            boolean complete) {

        /** The ledger that this start recovered by. */
        public Optional<Ledger> earlier() {
            return stored.filter(ledger -> ledger.generation() == generation - 1);
        }
    }

    /** What a stop does about the ledger. */
    public enum Step {
        /** Nothing is written: what there is, is right, or there is none, and the next recovery takes its full time. */
        LEAVE,
        /** The start granted no lock: what had to come back for it still has to, for the next one. */
        HAND_ON,
        /** What is held is written down. */
        WRITE
    }

    /** A ledger that says too little costs locks, none costs time only. */
    public static Step step(AtStop stop) {
        boolean own = stop.ownGeneration().isPresent() && stop.ownGeneration().getAsLong() == stop.generation();
        // A stop that was cut short and is repeated finds the server empty; the first ledger is the right one.
        boolean written = stop.stored().filter(ledger -> ledger.generation() == stop.generation()).isPresent();
        if (!own || written) {
            return Step.LEAVE;
        }
        if (!stop.served()) {
            return stop.earlier().isPresent() ? Step.HAND_ON : Step.LEAVE;
        }
        return stop.complete() ? Step.WRITE : Step.LEAVE;
    }

    /** The same for another start. */
    public Ledger of(long otherGeneration) {
        return new Ledger(service, otherGeneration, scope, leaseTime, graceTime, nlmUnknown, v4Unknown, nlm, v4, clients);
    }

    /**
     * This ledger, when the service stopped again before all of {@code earlier} was back: who was still missing may
     * still come, to the next node.
     *
     * @param earlier what that start recovered by; empty when it had nothing to go by
     * @param nlmGrace whether NLM reclaims were still accepted at the stop
     * @param v4Grace whether NFSv4 reclaims were
     */
    public Ledger carrying(Optional<Ledger> earlier, boolean nlmGrace, boolean v4Grace) {
        String noNlm = nlmUnknown;
        String noV4 = v4Unknown;
        List<LockCoverage.Range> allNlm = nlm;
        List<LockCoverage.Range> allV4 = v4;
        Map<String, HeldState> all = new LinkedHashMap<>();
        clients.forEach(c -> all.put(c.owner(), c));
        if (nlmGrace && nlmKnown()) {
            noNlm = earlier.map(Ledger::nlmUnknown).orElse(UNFINISHED);
            allNlm = earlier.map(e -> nlmCoverage().max(e.nlmCoverage()).ranges()).orElse(nlm);
        }
        if (v4Grace && v4Known()) {
            noV4 = earlier.map(Ledger::v4Unknown).orElse(UNFINISHED);
            allV4 = earlier.map(e -> v4Coverage().max(e.v4Coverage()).ranges()).orElse(v4);
            earlier.ifPresent(e -> e.clients().forEach(c -> all.merge(c.owner(), c, HeldState::union)));
        }
        return new Ledger(service, generation, scope, leaseTime, graceTime, noNlm, noV4, allNlm, allV4,
                new ArrayList<>(all.values()));
    }

    private static final String UNFINISHED = "the service was stopped in a recovery of which the locks are not known";
}
