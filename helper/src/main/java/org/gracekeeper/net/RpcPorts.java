// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a program listens, by what rpcbind has of it over IPv4 and IPv6. lockd that was given no ports has others for each of the
 * two (fs/lockd/svc.c, create_lockd_family), and the port mapper's GETPORT tells IPv4's alone.
 */
public record RpcPorts(SortedSet<Integer> tcp, SortedSet<Integer> udp) {
    /** Program, version, netid and universal address (RFC 1833, RFC 5665): at its end the port, as two decimal bytes. */
    private static final Pattern LINE = Pattern.compile("\\s*([0-9]+)\\s+[0-9]+\\s+(tcp|udp)6?\\s+\\S*\\.([0-9]{1,3})\\.([0-9]{1,3})\\s.*");

    /**
     * @param rpcinfo what rpcinfo(8) prints without arguments; other lines are left out
     * @param program its number
     */
    public static RpcPorts of(String rpcinfo, int program) {
        SortedSet<Integer> tcp = new TreeSet<>();
        SortedSet<Integer> udp = new TreeSet<>();
        rpcinfo.lines().forEach(line -> {
            Matcher m = LINE.matcher(line);
            if (m.matches() && m.group(1).equals(Integer.toString(program))) {
                (m.group(2).equals("tcp") ? tcp : udp).add(Integer.parseInt(m.group(3)) << 8 | Integer.parseInt(m.group(4)));
            }
        });
        return new RpcPorts(tcp, udp);
    }
}
