// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Whether a mount namespace that was made as a slave of the host's follows what is mounted and unmounted there.
 *
 * <p>Linux decides that by the mount below: an unmount on the host takes away what is mounted at the same place of every mount that
 * gets propagation from the one below (fs/pnode.c, propagate_umount), and a mount comes by the same way (propagate_mnt). What is
 * mounted on a mount that gets none stays in the namespace when the host has unmounted it, and keeps its device busy.
 */
public final class MountPropagation {
    private MountPropagation() {}

    /**
     * What would not go with the host's own, of mounts on each other the lowest alone; "/" where nothing would.
     *
     * @param host /proc/PID/mountinfo of a process in the host's mount namespace
     * @param own the same of one in the namespace
     * @return mount points
     */
    public static List<String> strays(String host, String own) throws UnexpectedFormatException {
        Map<MountLine.Place, Set<String>> shared = new HashMap<>();
        for (MountLine mount : MountLine.parse(host)) {
            shared.computeIfAbsent(mount.place(), place -> new HashSet<>()).add(mount.group("shared:"));
        }
        List<MountLine> lines = MountLine.parse(own);
        Map<String, MountLine> mounts = new HashMap<>();
        lines.forEach(mount -> mounts.put(mount.id(), mount));
        List<String> strays = new ArrayList<>();
        for (MountLine mount : lines) {
            MountLine below = below(mount, mounts);
            if (below == null && !follows(mount, shared)) {
                return List.of("/");
            }
            if (below != null && !follows(below, shared) && goes(below, mounts, shared)) {
                strays.add(mount.place().point());
            }
        }
        return strays;
    }

    /** Null of the lowest. */
    private static MountLine below(MountLine mount, Map<String, MountLine> mounts) {
        return mount.below().equals(mount.id()) ? null : mounts.get(mount.below());
    }

    private static boolean follows(MountLine mount, Map<MountLine.Place, Set<String>> shared) {
        String master = mount.group("master:");
        return !master.isEmpty() && shared.getOrDefault(mount.place(), Set.of()).contains(master);
    }

    /** Whether it goes with the host's, and so do all below it. */
    private static boolean goes(MountLine mount, Map<String, MountLine> mounts, Map<MountLine.Place, Set<String>> shared) {
        MountLine below = below(mount, mounts);
        // Of a text that is damaged each could be on another.
        for (int depth = 0; below != null && depth < mounts.size(); depth++) {
            if (!follows(below, shared)) {
                return false;
            }
            below = below(below, mounts);
        }
        return true;
    }
}
