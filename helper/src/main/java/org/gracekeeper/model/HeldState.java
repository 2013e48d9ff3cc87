// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * What an NFSv4 client holds, in a form that can be compared on another node.
 *
 * @param owner the client's owner string (co_ownerid) in hexadecimal, its key in nfsdcld's database
 * @param address where it was seen last
 * @param opens one entry for each open stateid
 * @param locks one entry for each lock stateid; it may stand for any number of ranges
 * @param hidden states the server cannot compare: a delegation hides opens and locks that only the client knows of, and
 *     of some states the kernel does not tell the file
 */
public record HeldState(String owner, String name, String address, int minorVersion, List<FileState> opens,
        List<FileState> locks, int hidden) {

    public HeldState {
        opens = List.copyOf(opens);
        locks = List.copyOf(locks);
    }

    /**
     * @param access r, w or rw for an open; empty for a lock
     */
    public record FileState(String fileSystem, long inode, String access) {}

    public static HeldState of(Nfs4Client client, FileSystems fileSystems) {
        List<FileState> opens = new ArrayList<>();
        List<FileState> locks = new ArrayList<>();
        int hidden = 0;
        for (Nfs4Client.State state : client.states()) {
            if (state.revoked()) {
                continue;
            }
            boolean comparable = state.type() == Nfs4Client.Type.OPEN || state.type() == Nfs4Client.Type.LOCK;
            String fileSystem = fileSystems.name(state.device()).orElse(null);
            if (!comparable || fileSystem == null) {
                hidden++;
            } else if (state.type() == Nfs4Client.Type.OPEN) {
                opens.add(new FileState(fileSystem, state.inode(), state.access()));
            } else {
                locks.add(new FileState(fileSystem, state.inode(), ""));
            }
        }
        return new HeldState(HexFormat.of().formatHex(client.ownerId()), client.ownerName(), client.address(),
                client.minorVersion(), opens, locks, hidden);
    }

    public boolean holdsNothing() {
        return opens.isEmpty() && locks.isEmpty() && hidden == 0;
    }

    /** Whether {@code now} has everything that this has, as often. */
    public boolean isBackIn(HeldState now) {
        return hidden == 0 && without(opens, now.opens).isEmpty() && without(locks, now.locks).isEmpty();
    }

    /** Both together: each state as often as it is in the one that has it more often. */
    public HeldState union(HeldState other) {
        return new HeldState(owner, name, other.address, minorVersion, union(opens, other.opens),
                union(locks, other.locks), Math.max(hidden, other.hidden));
    }

    /** In words, for the log and for people. */
    public String summary() {
        return opens.size() + " opens, " + locks.size() + " locks"
                + (hidden == 0 ? "" : ", " + hidden + " delegations or the like");
    }

    private static List<FileState> union(List<FileState> a, List<FileState> b) {
        List<FileState> all = new ArrayList<>(a);
        all.addAll(without(b, a));
        return all;
    }

    private static List<FileState> without(List<FileState> from, List<FileState> taken) {
        List<FileState> rest = new ArrayList<>(from);
        taken.forEach(rest::remove);
        return rest;
    }
}
