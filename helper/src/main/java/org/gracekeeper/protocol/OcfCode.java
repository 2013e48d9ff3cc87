// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.protocol;

/** Exit codes of a resource agent, as the OCF Resource Agent API 1.1 numbers them. */
public enum OcfCode {
    SUCCESS(0),
    GENERIC(1),
    ARGS(2),
    UNIMPLEMENTED(3),
    PERM(4),
    INSTALLED(5),
    CONFIGURED(6),
    NOT_RUNNING(7),
    DEGRADED(190);

    private final int number;

    OcfCode(int number) {
        this.number = number;
    }

    public int number() {
        return number;
    }
}
