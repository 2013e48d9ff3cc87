// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

/**
 * A block device's or file system's number, as /proc/locks and /proc/PID/mountinfo show it. It can differ between the
 * nodes of a cluster for one and the same file system.
 */
public record DeviceId(int major, int minor) {
    /** From a dev_t as stat(2) of glibc returns it (sys/sysmacros.h). */
    public static DeviceId ofDevT(long dev) {
        long major = dev >>> 8 & 0xfff | dev >>> 32 & 0xfffff000L;
        long minor = dev & 0xff | dev >>> 12 & 0xffffff00L;
        return new DeviceId((int) major, (int) minor);
    }

    /** Decimal {@code major:minor}, the form of mountinfo. */
    @Override
    public String toString() {
        return major + ":" + minor;
    }
}
