// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * An NFSv4 client as nfsd's {@code clients} directory shows it. No kernel says there whether it has finished
 * reclaiming.
 *
 * @param clientid        as the kernel keeps it, unsigned
 * @param address         address and port, {@code 192.0.2.1:817} or {@code [2001:db8::1]:817}
 * @param status          confirmed, unconfirmed, courtesy or expirable
 * @param ownerId         the client's owner string (co_ownerid), which is its key in nfsdcld's database
 * @param minorVersion    0, 1 or 2
 * @param states          opens, locks, delegations and layouts
 * @param number          name of its directory
 * @param secondsIdle     since its last renewal
 * @param callbackState   UP, UNKNOWN, DOWN, FAULT
 * @param revokedStates   states an administrator revoked; 0 on kernels that do not tell (before 6.9)
 */
public record Nfs4Client(long clientid, String address, String status, byte[] ownerId, int minorVersion,
        List<State> states, String number, long secondsIdle, String callbackState, int revokedStates) {

    public Nfs4Client {
        ownerId = ownerId.clone();
        states = List.copyOf(states);
    }

    /** Kinds of NFSv4 state; UNKNOWN is one that this version does not know, with nothing else told of it. */
    public enum Type { OPEN, LOCK, DELEG, LAYOUT, UNKNOWN }

    /**
     * One stateid.
     *
     * @param access   r, w, rw or -- for an open; r or w for a delegation; else empty
     * @param device   file system, or null where the kernel does not tell (file closed, or revoked)
     * @param inode    0 without a device
     * @param revoked  whether an administrator revoked it
     */
    public record State(String stateid, Type type, String access, DeviceId device, long inode, boolean revoked) {
        /** The first 32 bits of a stateid count its changes (RFC 8881, 3.3.12). */
        private static final int SEQID_DIGITS = 8;

        /** What stays the same of the stateid as long as there is this state, whatever the client does with it. */
        public String id() {
            return stateid.substring(Math.min(SEQID_DIGITS, stateid.length()));
        }
    }

    @Override
    public byte[] ownerId() {
        return ownerId.clone();
    }

    /** The owner string for people; bytes outside ASCII come out as they may. */
    public String ownerName() {
        return new String(ownerId, StandardCharsets.ISO_8859_1);
    }

    /** NFSv4.0, NFSv4.1, ... */
    public String protocol() {
        return "NFSv4." + minorVersion;
    }

    /** Whether its lease ran out and nfsd keeps its state out of courtesy only. */
    public boolean courtesy() {
        return status.equals("courtesy") || status.equals("expirable");
    }

    /** Whether it is who it says: it has used what the server sent to its address (SETCLIENTID_CONFIRM, CREATE_SESSION). */
    public boolean isConfirmed() {
        return status.equals("confirmed");
    }

    /** Whether it would lose something if it did not reclaim: any state counts, delegations hide locks. */
    public boolean holdsState() {
        return states.stream().anyMatch(state -> !state.revoked());
    }
}
