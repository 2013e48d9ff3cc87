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

    /** From the form of {@link #toString}. */
    public static DeviceId parse(String text) {
        int colon = text.indexOf(':');
        return new DeviceId(Integer.parseInt(text.substring(0, colon)), Integer.parseInt(text.substring(colon + 1)));
    }

    /** Decimal {@code major:minor}, the form of mountinfo. */
    @Override
    public String toString() {
        return major + ":" + minor;
    }
}
