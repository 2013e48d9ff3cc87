// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A kernel's version, for the few behaviours that no file of the kernel tells apart. */
public record KernelVersion(int major, int minor) {
    private static final Pattern RELEASE = Pattern.compile("([0-9]+)\\.([0-9]+).*");

    public static KernelVersion parse(String release) {
        Matcher matcher = RELEASE.matcher(release);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("not a kernel release: " + release);
        }
        return new KernelVersion(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    /** Since 6.9 a write to unlock_filesystem also revokes NFSv4 state (fs/nfsd/nfsctl.c, nfsd4_revoke_states). */
    public boolean unlockFilesystemIsNlmOnly() {
        return before(6, 9);
    }

    /**
     * Whether a reclaimed open gets a delegation only if the client asks for it. Since nfsd gives write delegations (6.6)
     * it gives them unasked (fs/nfsd/nfs4state.c, nfs4_open_delegation).
     */
    public boolean delegationsSurviveRecovery() {
        return before(6, 6);
    }

    /**
     * Before 6.14 all nfsd instances of a node share what their NFSv4.1 sessions may take of memory, and a start of one forgets what
     * is taken (fs/nfsd/nfssvc.c, set_max_drc).
     */
    public boolean sessionsShareMemory() {
        return before(6, 14);
    }

    private boolean before(int otherMajor, int otherMinor) {
        return major < otherMajor || major == otherMajor && minor < otherMinor;
    }
}
