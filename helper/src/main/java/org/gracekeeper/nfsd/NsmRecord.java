// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * A line of statd's record of a host: how lockd wants to be told that the host has rebooted (support/nsm/file.c of
 * nfs-utils, nsm_create_monitor_record). A record has more than one where lockd calls the host by several names, or is
 * itself called by several, that come to one file: as a rule a host with several addresses, or hosts with one name. Another
 * cookie for the same two names replaces the line (nsm_delete_monitored_host). Immutable as long as nobody writes to {@code priv}.
 *
 * @param program 100021, lockd's
 * @param version of that program; Linux asks for 3 (fs/lockd/mon.c, nsm_mon_unmon)
 * @param procedure to call; Linux asks for 16
 * @param priv lockd's cookie for the host, 16 bytes
 * @param host what lockd calls the host: its address, unless fs.nfs.nsm_use_hostnames is set
 * @param text the whole line, without its end
 */
public record NsmRecord(int program, int version, int procedure, byte[] priv, String host, String text) {
    private static final Pattern LINE = Pattern.compile(
            "[0-9a-f]{8} ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{32}) (\\S+)(?: .*)?");

    /** @throws UnexpectedFormatException when it is no such line */
    static NsmRecord parse(String line) throws UnexpectedFormatException {
        Matcher m = LINE.matcher(line);
        if (!m.matches()) {
            throw new UnexpectedFormatException("statd's record", line);
        }
        return new NsmRecord(number(m.group(1)), number(m.group(2)), number(m.group(3)),
                HexFormat.of().parseHex(m.group(4)), m.group(5), line);
    }

    /**
     * A record that sm-notify can read, of a host of which nothing is known but the name: it needs no more. Nobody else is to
     * read it, since lockd never gave that cookie.
     *
     * @param server what the host is to hear has restarted, where sm-notify is told nothing else
     */
    static String forNotification(String host, String server) {
        return "0100007f 000186b5 00000003 00000010 " + "0".repeat(32) + " " + host + " " + server + "\n";
    }

    private static int number(String hex) {
        return Integer.parseUnsignedInt(hex, 16);
    }
}
