// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

/** What connects a service's namespace to the node's device. */
public enum LinkType {
    /** Shares the parent's MAC address: works with port security. */
    IPVLAN("ipvlan", "l2"),
    /** Has a MAC address of its own, in bridge mode. */
    MACVLAN("macvlan", "bridge");

    private final String kind;
    private final String mode;

    LinkType(String kind, String mode) {
        this.kind = kind;
        this.mode = mode;
    }

    /** The kind as iproute2 calls it. */
    public String kind() {
        return kind;
    }

    public String mode() {
        return mode;
    }

    /** The one that a device which carries this one cannot carry. */
    public LinkType other() {
        return this == IPVLAN ? MACVLAN : IPVLAN;
    }
}
