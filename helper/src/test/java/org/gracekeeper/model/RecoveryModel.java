// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine.Access;
import org.gracekeeper.model.RecoveryDecision.Observed;

/**
 * Clients, kernel, storage and helper of one service, as far as they matter to the end of grace, driven at random. It
 * throws {@link Lost} when a grace period ends early while a client still believes in a lock that the server does not
 * have: somebody else could get it now.
 *
 * <p>The kernel's half follows what real kernels do: a stop drops everything; NLM locks have no owner that the helper
 * could see, and ranges of one owner are merged; an NFSv4.0 client is recorded when it opens anew, not when it reclaims,
 * and once more by the helper as soon as it holds anything; nfsdcld keeps its recovery table until grace is over.
 */
final class RecoveryModel {
    private static final int BYTES = 6;
    private static final int FILES = 2;
    private static final int GRACE = 25;

    static final class Lost extends RuntimeException {
        private static final long serialVersionUID = 1;

        Lost(String text) {
            super(text);
        }
    }

    private enum Kind { NLM, V40, V41 }

    /** Ways in which the helper's bookkeeping could be wrong; the histories have to find each. */
    enum Flaw {
        NONE, LEDGER_OF_ANY_START, NOTHING_CARRIED_OVER, HOSTS_FORGOTTEN_WHEN_NOTIFIED, REPEATED_STOP_WRITES_AGAIN,
        LEDGER_OF_AN_OPEN_SERVER, HANDED_ON_BY_A_START_THAT_WAS_NOT_COUNTED, OPENED_TOO_LATE, CLOSED_DOOR_COUNTS_AS_SERVED,
        CLIENTS_FORGOTTEN_BEHIND_A_CLOSED_DOOR
    }

    /** One lock owner's locks: kind of access for each byte of each file. */
    private static final class Owner {
        final Access[][] bytes = new Access[FILES][BYTES];

        boolean conflicts(Owner other) {
            for (int file = 0; file < FILES; file++) {
                for (int at = 0; at < BYTES; at++) {
                    if (bytes[file][at] != null && other.bytes[file][at] != null
                            && (bytes[file][at] == Access.WRITE || other.bytes[file][at] == Access.WRITE)) {
                        return true;
                    }
                }
            }
            return false;
        }

        boolean has(Owner other) {
            for (int file = 0; file < FILES; file++) {
                for (int at = 0; at < BYTES; at++) {
                    if (other.bytes[file][at] != null && bytes[file][at] != other.bytes[file][at]) {
                        return false;
                    }
                }
            }
            return true;
        }

        List<Range> ranges() {
            List<Range> ranges = new ArrayList<>();
            for (int file = 0; file < FILES; file++) {
                for (int at = 0; at < BYTES; at++) {
                    Access access = bytes[file][at];
                    int first = at;
                    while (access != null && at + 1 < BYTES && bytes[file][at + 1] == access) {
                        at++;
                    }
                    if (access != null) {
                        ranges.add(new Range("/srv", file, access, first, at, 1));
                    }
                }
            }
            return ranges;
        }
    }

    private static final class Client {
        final String id;
        final Kind kind;
        /** What the client's programs rely on. */
        final List<Owner> believes = List.of(new Owner(), new Owner());
        /** What the server has. */
        List<Owner> held = List.of(new Owner(), new Owner());
        boolean wantsOpen;
        boolean open;
        boolean delegation;
        /** Has sent RECLAIM_COMPLETE to this instance. */
        boolean complete = true;
        boolean gone;

        Client(String id, Kind kind) {
            this.id = id;
            this.kind = kind;
        }

        boolean everythingIsHeld() {
            return delegation || held.get(0).has(believes.get(0)) && held.get(1).has(believes.get(1))
                    && (open || !wantsOpen);
        }

        boolean holdsNothing() {
            return !open && !delegation && held.stream().allMatch(o -> o.ranges().isEmpty());
        }

        HeldState state() {
            List<HeldState.FileState> opens = open ? List.of(new HeldState.FileState("/srv", 0, "rw")) : List.of();
            List<HeldState.FileState> locks = new ArrayList<>();
            for (Owner owner : held) {
                owner.ranges().stream().map(Range::inode).distinct()
                        .forEach(inode -> locks.add(new HeldState.FileState("/srv", inode, "")));
            }
            return new HeldState(id, id, id, kind == Kind.V40 ? 0 : 2, opens, locks, delegation ? 1 : 0);
        }
    }

    private final Random random;
    private final Function<Observed, RecoveryDecision> rule;
    private final Flaw flaw;
    private final List<Client> clients = new ArrayList<>();

    // The storage that moves.
    private final Set<String> nsm = new HashSet<>();
    private final Set<String> monitored = new HashSet<>();
    private final Set<String> recorded = new HashSet<>();
    private Optional<Set<String>> recovery = Optional.empty();
    private long generation;
    private Optional<Ledger> stored = Optional.empty();

    // The running instance.
    private boolean nlmGrace;
    private boolean v4Grace;
    private int startedAt;
    private int now;

    // The helper's memory, which a kill empties.
    private LockCoverage nlmSeen = LockCoverage.NONE;
    private LockCoverage v4Seen = LockCoverage.NONE;
    private final Map<String, HeldState> seen = new HashMap<>();
    private final Set<String> completeSeen = new HashSet<>();

    /** How often grace ended before its time with something to reclaim. */
    int earlyEnds;
    /** How often somebody was not back when the time was over. */
    int fullTimes;

    RecoveryModel(long seed, Function<Observed, RecoveryDecision> rule, Flaw flaw) {
        this.random = new Random(seed);
        this.rule = rule;
        this.flaw = flaw;
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            Kind kind = Kind.values()[random.nextInt(3)];
            clients.add(new Client(hex((char) ('a' + i)), kind));
        }
    }

    private static String hex(char c) {
        return HexFormat.of().formatHex(String.valueOf(c).getBytes(StandardCharsets.US_ASCII));
    }

    /** A whole history. */
    void run(int steps) {
        start();
        for (int i = 0; i < steps; i++) {
            now++;
            int dice = random.nextInt(100);
            if (dice < 8) {
                stop();
                failedStarts();
                start();
            } else if (dice < 11) {
                forget();
            } else {
                act(clients.get(random.nextInt(clients.size())));
            }
            if (random.nextInt(3) > 0) {
                look();
            }
        }
    }

    private void act(Client client) {
        if (client.gone) {
            client.gone = random.nextInt(6) > 0;
            return;
        }
        int accident = random.nextInt(80);
        if (accident < 2) {
            client.gone = true;
            return;
        }
        if (accident == 2) {
            reboot(client);
            return;
        }
        boolean grace = client.kind == Kind.NLM ? nlmGrace : v4Grace;
        if (grace && !client.everythingIsHeld()) {
            reclaim(client);
            return;
        }
        if (client.kind == Kind.V41 && !client.complete) {
            client.complete = true;
            recorded.add(client.id);
        }
        Owner owner = client.believes.get(random.nextInt(2));
        if (random.nextInt(3) == 0) {
            release(client, owner);
        } else if (!nlmGrace && !v4Grace) {
            acquire(client, owner);
        }
    }

    /** The client host starts anew: it wants nothing back, and tells the server so. */
    private void reboot(Client client) {
        for (int o = 0; o < 2; o++) {
            for (int file = 0; file < FILES; file++) {
                Arrays.fill(client.believes.get(o).bytes[file], null);
                Arrays.fill(client.held.get(o).bytes[file], null);
            }
        }
        client.wantsOpen = false;
        client.open = false;
        client.delegation = false;
        // Where it says so by an unmount the kernel has its record removed.
        if (client.kind == Kind.V41 && random.nextBoolean()) {
            recorded.remove(client.id);
        }
    }

    /** One of the things the client had, in no order. */
    private void reclaim(Client client) {
        if (client.kind != Kind.NLM && client.wantsOpen && !client.open) {
            client.open = true;
            return;
        }
        List<int[]> todo = new ArrayList<>();
        for (int o = 0; o < 2; o++) {
            for (int file = 0; file < FILES; file++) {
                for (int at = 0; at < BYTES; at++) {
                    if (client.believes.get(o).bytes[file][at] != client.held.get(o).bytes[file][at]) {
                        todo.add(new int[] {o, file, at});
                    }
                }
            }
        }
        if (client.kind == Kind.NLM && !todo.isEmpty()) {
            monitored.add(client.id);
        }
        Collections.shuffle(todo, random);
        for (int[] one : todo.subList(0, Math.min(todo.size(), 1 + random.nextInt(3)))) {
            client.held.get(one[0]).bytes[one[1]][one[2]] = client.believes.get(one[0]).bytes[one[1]][one[2]];
        }
    }

    private void release(Client client, Owner owner) {
        int file = random.nextInt(FILES);
        int at = random.nextInt(BYTES);
        owner.bytes[file][at] = null;
        client.held.get(client.believes.indexOf(owner)).bytes[file][at] = null;
        boolean nothing = client.believes.stream().allMatch(o -> o.ranges().isEmpty());
        if (nothing && random.nextInt(2) == 0) {
            client.wantsOpen = false;
            client.open = false;
            client.delegation = false;
        }
    }

    private void acquire(Client client, Owner owner) {
        Owner wish = new Owner();
        int file = random.nextInt(FILES);
        int first = random.nextInt(BYTES);
        int last = first + random.nextInt(BYTES - first);
        Access access = random.nextInt(3) == 0 ? Access.WRITE : Access.READ;
        for (int at = first; at <= last; at++) {
            wish.bytes[file][at] = access;
        }
        for (Client other : clients) {
            for (int o = 0; o < 2; o++) {
                if (other.believes.get(o) != owner
                        && (other.delegation || other.held.get(o).conflicts(wish)) && other != client
                        || other == client && other.believes.get(o) != owner && other.held.get(o).conflicts(wish)) {
                    return;
                }
            }
        }
        int index = client.believes.indexOf(owner);
        if (client.kind == Kind.NLM) {
            monitored.add(client.id);
        } else {
            client.wantsOpen = true;
            client.open = true;
            recorded.add(client.id);
            client.complete = true;
            boolean alone = clients.stream().allMatch(c -> c == client || c.holdsNothing());
            client.delegation |= alone && random.nextInt(4) == 0;
        }
        for (int at = first; at <= last; at++) {
            owner.bytes[file][at] = access;
            if (!client.delegation) {
                client.held.get(index).bytes[file][at] = access;
            }
        }
    }

    private Ledger snapshot() {
        List<Range> nlm = new ArrayList<>();
        List<Range> v4 = new ArrayList<>();
        List<HeldState> holders = new ArrayList<>();
        for (Client client : clients) {
            List<Range> to = client.kind == Kind.NLM ? nlm : v4;
            client.held.forEach(owner -> to.addAll(owner.ranges()));
            if (client.kind != Kind.NLM && !client.holdsNothing()) {
                holders.add(client.state());
            }
        }
        return new Ledger("web", generation, "web", 1, GRACE, "", "", nlm, v4, holders);
    }

    private Optional<Ledger> valid() {
        return stored.filter(ledger -> ledger.generation() == generation - 1 || flaw == Flaw.LEDGER_OF_ANY_START);
    }

    /** In order, or a crash, or in order but cut short and repeated, or with the door open in spite of all. */
    private void stop() {
        nsm.addAll(monitored); // the records survive a crash
        int how = random.nextInt(6);
        if (how > 0) {
            recordMinorVersionZero();
            boolean open = how == 1;
            writeLedger(OptionalLong.of(generation), true, !open);
            if (open) {
                act(clients.get(random.nextInt(clients.size())));
                act(clients.get(random.nextInt(clients.size())));
                nsm.addAll(monitored);
            }
        }
        for (Client client : clients) {
            client.held = List.of(new Owner(), new Owner());
            client.open = false;
            client.delegation = false;
            client.complete = false;
        }
        if (how == 2) {
            boolean nlm = nlmGrace;
            boolean v4 = v4Grace;
            nlmGrace = false;
            v4Grace = false;
            writeLedger(OptionalLong.of(generation), true, false);
            nlmGrace = nlm;
            v4Grace = v4;
        }
    }

    private void writeLedger(OptionalLong own, boolean served, boolean complete) {
        Ledger.AtStop stop = new Ledger.AtStop(own, generation, stored, served, complete);
        Ledger.Step step = Ledger.step(stop);
        if (flaw == Flaw.REPEATED_STOP_WRITES_AGAIN && served && stored.filter(l -> l.generation() == generation).isPresent()
                || flaw == Flaw.LEDGER_OF_AN_OPEN_SERVER && served && !complete && step == Ledger.Step.LEAVE) {
            step = Ledger.Step.WRITE;
        }
        if (flaw == Flaw.HANDED_ON_BY_A_START_THAT_WAS_NOT_COUNTED && own.isEmpty() && stop.earlier().isPresent()) {
            step = Ledger.Step.HAND_ON;
        }
        if (step == Ledger.Step.HAND_ON) {
            stored = Optional.of(stop.earlier().orElseThrow().of(generation));
        } else if (step == Ledger.Step.WRITE) {
            Ledger now = snapshot();
            stored = Optional.of(flaw == Flaw.NOTHING_CARRIED_OVER ? now : now.carrying(valid(), nlmGrace, v4Grace));
        }
    }

    /** Starts that do not come as far as to serve, before or after they were counted. */
    private void failedStarts() {
        while (random.nextInt(6) == 0) {
            if (random.nextBoolean()) {
                writeLedger(OptionalLong.empty(), false, false);
            } else {
                generation++;
                writeLedger(OptionalLong.of(generation), false, false);
            }
        }
    }

    private void start() {
        // RecordsLayer keeps a copy of nfsdcld's database until the door opens.
        Set<String> recordedBefore = Set.copyOf(recorded);
        Optional<Set<String>> recoveryBefore = recovery.map(Set::copyOf);
        generation++;
        monitored.clear();
        startedAt = now;
        forget();
        // nfsdcld: a recovery that never ended goes on with its table.
        if (recovery.isEmpty()) {
            recovery = Optional.of(new HashSet<>(recorded));
        }
        recorded.clear();
        clients.stream().filter(c -> c.kind != Kind.NLM && !recovery.get().contains(c.id)).forEach(this::refused);
        nlmGrace = true;
        v4Grace = !recovery.get().isEmpty() || !nsm.isEmpty();
        if (!v4Grace) {
            recovery = Optional.empty();
        }
        if (!opensInTime()) {
            writeLedger(OptionalLong.of(generation), flaw == Flaw.CLOSED_DOOR_COUNTS_AS_SERVED,
                    flaw == Flaw.CLOSED_DOOR_COUNTS_AS_SERVED);
            if (flaw != Flaw.CLIENTS_FORGOTTEN_BEHIND_A_CLOSED_DOOR) {
                recorded.clear();
                recorded.addAll(recordedBefore);
                recovery = recoveryBefore.map(HashSet::new);
            }
            start();
            return;
        }
        look();
        if (flaw == Flaw.HOSTS_FORGOTTEN_WHEN_NOTIFIED) {
            nsm.clear();
        }
    }

    /**
     * Something delays the start when nfsd runs already and nobody can reach it; the kernel's clock goes on.
     *
     * @return whether the door is opened: enough of the grace is left, or nobody is expected
     */
    private boolean opensInTime() {
        if (random.nextInt(8) == 0) {
            now += random.nextInt(2 * GRACE);
        }
        boolean expected = valid().map(Ledger::holdsAnything).orElse(generation > 1);
        boolean opens = (startedAt + GRACE - now) * 2 >= GRACE || !expected || flaw == Flaw.OPENED_TOO_LATE;
        if (now - startedAt >= GRACE) {
            nlmGrace = false;
            v4Grace = false;
            recovery = Optional.empty();
            if (opens && clients.stream().anyMatch(c -> !c.everythingIsHeld())) {
                throw new Lost("grace was over before anybody could come");
            }
        }
        return opens;
    }

    /** nfsd lets nobody reclaim whom nfsdcld has not recorded. */
    private void refused(Client client) {
        // An NFSv4.1 client that was cut off before its RECLAIM_COMPLETE, in a recovery that took its full time, is not.
        if (client.kind == Kind.V40 && client.wantsOpen) {
            throw new Lost("NFSv4.0 client " + client.id + " has state and is not recorded");
        }
        trim(client);
    }

    /** The client learns that it has lost what the server does not have. */
    private void trim(Client client) {
        for (int o = 0; o < 2; o++) {
            for (int file = 0; file < FILES; file++) {
                System.arraycopy(client.held.get(o).bytes[file], 0, client.believes.get(o).bytes[file], 0, BYTES);
            }
        }
        client.wantsOpen = client.open;
    }

    private void forget() {
        nlmSeen = LockCoverage.NONE;
        v4Seen = LockCoverage.NONE;
        seen.clear();
        completeSeen.clear();
    }

    private void recordMinorVersionZero() {
        clients.stream().filter(c -> c.kind == Kind.V40 && !c.holdsNothing()).forEach(c -> recorded.add(c.id));
    }

    private void look() {
        if (!nlmGrace && !v4Grace) {
            return;
        }
        recordMinorVersionZero();
        List<Range> nlm = new ArrayList<>();
        List<Range> v4 = new ArrayList<>();
        for (Client client : clients) {
            client.held.forEach(owner -> (client.kind == Kind.NLM ? nlm : v4).addAll(owner.ranges()));
            if (client.kind != Kind.NLM && (client.complete || !client.holdsNothing())) {
                seen.merge(client.id, client.state(), HeldState::union);
            }
        }
        nlmSeen = nlmSeen.max(LockCoverage.of(nlm));
        v4Seen = v4Seen.max(LockCoverage.of(v4));
        completeSeen.addAll(recorded);
        int left = startedAt + GRACE - now;
        RecoveryDecision decision = rule.apply(new Observed(nlmGrace, v4Grace, left, true, valid(),
                nsm.stream().sorted().toList(), nlmSeen, v4Grace ? recovery.orElse(Set.of()) : Set.of(),
                Set.copyOf(completeSeen), new ArrayList<>(new LinkedHashMap<>(seen).values()), v4Seen));
        if (decision.endNlm()) {
            ended(left, c -> c.kind == Kind.NLM);
            nlmGrace = false;
            nsm.clear();
        }
        if (decision.endV4()) {
            ended(left, c -> c.kind != Kind.NLM);
            v4Grace = false;
            recovery = Optional.empty();
        }
    }

    private void ended(int left, Predicate<Client> whose) {
        for (Client client : clients.stream().filter(whose).toList()) {
            if (client.everythingIsHeld()) {
                continue;
            }
            if (left > 0) {
                throw new Lost(client.kind + " client believes in " + client.believes.get(0).ranges()
                        + client.believes.get(1).ranges() + " but the server has only "
                        + client.held.get(0).ranges() + client.held.get(1).ranges());
            }
            fullTimes++;
            trim(client);
        }
        if (left > 0 && clients.stream().filter(whose).anyMatch(c -> !c.holdsNothing())) {
            earlyEnds++;
        }
    }
}
