// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

/** Kinds of namespaces the helper enters; {@code flag} is the CLONE_NEW* value of linux/sched.h. */
public enum NsType {
    NET(NamespaceCalls.CLONE_NEWNET, "net"),
    MOUNT(NamespaceCalls.CLONE_NEWNS, "mnt"),
    UTS(NamespaceCalls.CLONE_NEWUTS, "uts");

    private final int flag;
    private final String procName;

    NsType(int flag, String procName) {
        this.flag = flag;
        this.procName = procName;
    }

    public int flag() {
        return flag;
    }

    /** Name of the link below /proc/PID/ns. */
    public String procName() {
        return procName;
    }
}
