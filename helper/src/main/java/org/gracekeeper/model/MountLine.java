// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line of /proc/PID/mountinfo (show_mountinfo() in fs/proc_namespace.c): a mount as its mount namespace has it.
 *
 * @param below the mount that it is on; that of the first of all may be itself, or one that is not in the list
 * @param place what is mounted there, and where
 * @param tags its peer groups: "shared:N" of its own, "master:N" of the one it gets propagation from
 * @param source may be empty
 */
record MountLine(String id, String below, Place place, List<String> tags, String type, String source) {
    /**
     * Optional fields end with a hyphen. Of what is white the kernel escapes no more than spaces, tabs and ends of lines, and names
     * may have other of it.
     */
    private static final Pattern LINE = Pattern.compile("(?s)([0-9]+) ([0-9]+) ([0-9]{1,9}:[0-9]{1,9}) ([^ ]+) ([^ ]+) [^ ]+"
            + "((?: [^ ]+)*?) - ([^ ]+) ([^ ]*) [^ ].*");

    /** The same in every mount namespace. */
    record Place(DeviceId device, String root, String point) {}

    static List<MountLine> parse(String mountinfo) throws UnexpectedFormatException {
        List<MountLine> lines = new ArrayList<>();
        for (String line : mountinfo.split("\n")) {
            Matcher m = LINE.matcher(line);
            if (!m.matches()) {
                throw new UnexpectedFormatException("mountinfo", line);
            }
            lines.add(new MountLine(m.group(1), m.group(2),
                    new Place(DeviceId.parse(m.group(3)), OctalEscapes.undone(m.group(4)), OctalEscapes.undone(m.group(5))),
                    Arrays.asList(m.group(6).split(" ")), m.group(7), OctalEscapes.undone(m.group(8))));
        }
        return lines;
    }

    /**
     * The number of a peer group; empty where there is none.
     *
     * @param tag with its colon
     */
    String group(String tag) {
        return tags.stream().filter(each -> each.startsWith(tag)).map(each -> each.substring(tag.length())).findFirst().orElse("");
    }
}
