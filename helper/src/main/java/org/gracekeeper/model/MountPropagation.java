// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.Arrays;
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
    /** Behind them come optional ones, see show_mountinfo() in fs/proc_namespace.c. */
    private static final int FIELDS = 6;

    private MountPropagation() {}

    /**
     * A mount.
     *
     * @param place what is mounted there, and where: the same in every namespace
     * @param tags peer groups: "shared:N" of its own, "master:N" of the one it gets propagation from
     */
    private record Line(String id, String below, String place, String point, List<String> tags) {
        static List<Line> parse(String mountinfo) throws UnexpectedFormatException {
            List<Line> lines = new ArrayList<>();
            for (String text : mountinfo.split("\n")) {
                List<String> fields = Arrays.asList(text.split(" - ", 2)[0].split(" "));
                if (fields.size() < FIELDS) {
                    throw new UnexpectedFormatException("mountinfo", text);
                }
                String below = fields.get(1).equals(fields.get(0)) ? "" : fields.get(1); // the first of all is on itself
                lines.add(new Line(fields.get(0), below, String.join(" ", fields.subList(2, 5)), fields.get(4),
                        fields.subList(FIELDS, fields.size())));
            }
            return lines;
        }

        /** The group's number; empty where there is none. */
        String group(String tag) {
            return tags.stream().filter(each -> each.startsWith(tag)).map(each -> each.substring(tag.length())).findFirst()
                    .orElse("");
        }

        boolean follows(Map<String, Set<String>> shared) {
            String master = group("master:");
            return !master.isEmpty() && shared.getOrDefault(place, Set.of()).contains(master);
        }
    }

    /**
     * What would not go with the host's own, of mounts on each other the lowest alone; "/" where nothing would.
     *
     * @param host /proc/PID/mountinfo of a process in the host's mount namespace
     * @param own the same of one in the namespace
     * @return mount points
     */
    public static List<String> strays(String host, String own) throws UnexpectedFormatException {
        Map<String, Set<String>> shared = new HashMap<>();
        for (Line mount : Line.parse(host)) {
            shared.computeIfAbsent(mount.place(), place -> new HashSet<>()).add(mount.group("shared:"));
        }
        List<Line> lines = Line.parse(own);
        Map<String, Line> mounts = new HashMap<>();
        lines.forEach(mount -> mounts.put(mount.id(), mount));
        List<String> strays = new ArrayList<>();
        for (Line mount : lines) {
            Line below = mounts.get(mount.below());
            if (below == null && !mount.follows(shared)) {
                return List.of("/");
            }
            if (below != null && !below.follows(shared) && goes(below, mounts, shared)) {
                strays.add(OctalEscapes.undone(mount.point()));
            }
        }
        return strays;
    }

    /** Whether it goes with the host's, and so do all below it. */
    private static boolean goes(Line mount, Map<String, Line> mounts, Map<String, Set<String>> shared) {
        Line below = mounts.get(mount.below());
        // Of a text that is damaged each could be on another.
        for (int depth = 0; below != null && depth < mounts.size(); depth++) {
            if (!below.follows(shared)) {
                return false;
            }
            below = mounts.get(below.below());
        }
        return true;
    }
}
