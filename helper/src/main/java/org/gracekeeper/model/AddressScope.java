// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.net.InetAddress;
import java.util.Collection;

/**
 * Which of a server's NLM locks were taken through one of its addresses. No file of the kernel tells that of a lock, so it
 * follows from the addresses that there are.
 */
public enum AddressScope {
    /** All: the server has no other address. */
    ALL,
    /** Those of hosts of its family: the server has no other address of that one. */
    FAMILY,
    /** It cannot be told. */
    UNKNOWN;

    /** @param others the server's further addresses */
    public static AddressScope of(InetAddress address, Collection<InetAddress> others) {
        if (others.isEmpty()) {
            return ALL;
        }
        int length = address.getAddress().length;
        return others.stream().noneMatch(other -> other.getAddress().length == length) ? FAMILY : UNKNOWN;
    }
}
