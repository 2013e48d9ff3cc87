// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What NFS clients hold on some file systems: what there is to release, and afterwards what is left. Order is that of the
 * sources.
 *
 * @param nlm locks of NFSv3 hosts, and requests that wait for one; whose they are the kernel does not tell
 * @param nfs4 byte-range locks of NFSv4 clients; a state says whose, but not the range
 * @param states opens, locks, delegations and layouts of NFSv4 clients that nobody has revoked
 */
public record Release(List<LockLine> nlm, List<LockLine> nfs4, List<Held> states) {
    public Release {
        nlm = List.copyOf(nlm);
        nfs4 = List.copyOf(nfs4);
        states = List.copyOf(states);
    }

    /**
     * An NFSv4 client's state.
     *
     * @param elsewhere whether the client has state on other file systems too, or some of which the kernel does not tell
     *     where: it cannot be ended as a whole without losing more than this
     */
    public record Held(Nfs4Client client, Nfs4Client.State state, boolean elsewhere) {}

    /** What is there on {@code devices}. */
    public static Release of(Collection<DeviceId> devices, List<LockLine> nlm, List<LockLine> nfs4,
            Collection<Nfs4Client> clients) {
        List<Held> states = new ArrayList<>();
        for (Nfs4Client client : clients) {
            List<Nfs4Client.State> all = client.states().stream().filter(state -> !state.revoked()).toList();
            boolean elsewhere = all.stream().anyMatch(state -> !isOn(devices, state));
            all.stream().filter(state -> isOn(devices, state))
                    .forEach(state -> states.add(new Held(client, state, elsewhere)));
        }
        return new Release(nlm, nfs4, states);
    }

    public boolean isEmpty() {
        return nlm.isEmpty() && nfs4.isEmpty() && states.isEmpty();
    }

    public int size() {
        return nlm.size() + nfs4.size() + states.size();
    }

    /** Whether a lock is of a client, or may be, that has state elsewhere too. */
    public boolean mayBeElsewhere(LockLine line) {
        return states.stream().anyMatch(held -> held.elsewhere() && line.dev().equals(held.state().device())
                && held.state().inode() == line.inode());
    }

    /** The clients that have state here and nowhere else. */
    public List<Nfs4Client> whole() {
        return clients(held -> !held.elsewhere());
    }

    /** The clients that have state here and elsewhere. */
    public List<Nfs4Client> elsewhere() {
        return clients(Held::elsewhere);
    }

    private List<Nfs4Client> clients(Predicate<Held> which) {
        Map<Long, Nfs4Client> clients = new LinkedHashMap<>();
        states.stream().filter(which).forEach(held -> clients.put(held.client().clientid(), held.client()));
        return List.copyOf(clients.values());
    }

    /**
     * What of this is still there. A lock that was released and taken again cannot be told from one that stayed.
     *
     * @param now the same file systems afterwards
     */
    public Release leftIn(Release now) {
        return new Release(common(nlm, now.nlm, Function.identity()),
                common(nfs4, now.nfs4, Function.identity()), common(states, now.states, Release::key));
    }

    private static boolean isOn(Collection<DeviceId> devices, Nfs4Client.State state) {
        return state.device() != null && devices.contains(state.device());
    }

    private static String key(Held held) {
        return held.client().clientid() + " " + held.state().id();
    }

    /** Those of {@code before} that are in {@code after}, each as often as in both. */
    private static <T, K> List<T> common(List<T> before, List<T> after, Function<T, K> key) {
        Map<K, Integer> counts = new HashMap<>();
        after.forEach(each -> counts.merge(key.apply(each), 1, Integer::sum));
        return before.stream().filter(each -> counts.merge(key.apply(each), -1, Integer::sum) >= 0).toList();
    }
}
