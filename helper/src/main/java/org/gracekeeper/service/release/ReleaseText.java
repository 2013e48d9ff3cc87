// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.Release;
import org.gracekeeper.protocol.Table;

/** What NFS clients hold, and what became of it, for people. */
public final class ReleaseText {
    private static final String STAYS = "stays";

    private ReleaseText() {}

    /**
     * A line for each.
     *
     * @param stays which NFSv4 state is not released
     */
    static String table(Release release, MountTable mounts, boolean stays) {
        Table table = new Table("PROTOCOL", "CLIENT", "HOLDS", "FILE", "RANGE", "REMARK");
        lines(table, "NLM", release.nlm(), mounts, line -> false);
        for (Release.Held held : release.states()) {
            String access = held.state().access();
            table.add(held.client().protocol(), held.client().address(),
                    held.state().type().name().toLowerCase(Locale.ROOT) + (access.isEmpty() ? "" : " " + access),
                    file(held.state().device(), held.state().inode(), mounts), "-", stays && held.elsewhere() ? STAYS : "");
        }
        lines(table, "NFSv4", release.nfs4(), mounts, line -> stays && release.mayBeElsewhere(line));
        return table.toString();
    }

    private static void lines(Table table, String protocol, List<LockLine> lines, MountTable mounts,
            Predicate<LockLine> stays) {
        for (LockLine line : lines) {
            table.add(protocol, "-", (line.waiter() ? "waits for " : "") + line.access().name().toLowerCase(Locale.ROOT)
                    + " lock", file(line.dev(), line.inode(), mounts),
                    line.start() + "-" + (line.end() == LockLine.EOF ? "EOF" : line.end()), stays.test(line) ? STAYS : "");
        }
    }

    private static String file(DeviceId device, long inode, MountTable mounts) {
        return mounts.name(device) + " inode " + Long.toUnsignedString(inode);
    }

    /** How many of what there was are gone. */
    public static String gone(Release before, Release left) {
        return part("NLM locks and waiters", before.nlm(), left.nlm()) + ", "
                + part("NFSv4 states", before.states(), left.states()) + ", " + part("NFSv4 locks", before.nfs4(), left.nfs4()) + " are gone";
    }

    static String part(String what, List<?> before, List<?> left) {
        return before.size() - left.size() + " of " + before.size() + " " + what;
    }
}
