// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A kernel's version, for the few behaviours that no file of the kernel tells apart. */
record KernelVersion(int major, int minor) {
    private static final Pattern RELEASE = Pattern.compile("([0-9]+)\\.([0-9]+).*");

    static KernelVersion parse(String release) {
        Matcher matcher = RELEASE.matcher(release);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("not a kernel release: " + release);
        }
        return new KernelVersion(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    /** Since 6.9 a write to unlock_filesystem also revokes NFSv4 state (fs/nfsd/nfsctl.c, nfsd4_revoke_states). */
    boolean unlockFilesystemIsNlmOnly() {
        return major < 6 || major == 6 && minor < 9;
    }
}
