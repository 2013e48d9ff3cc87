// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * Reads {@code clients/N/info} and {@code states}: client_info_show() and states_show() in fs/nfsd/nfs4state.c.
 *
 * <p>The kernel escapes names of clients and owners, but not file names: a client can put quotes, braces and newlines
 * there. So of a line of states only what stands before the file name is believed, and lines that do not begin like a
 * state are rests of a file name, except the first. What begins like a state and cannot be read is one of unknown kind:
 * whoever is thought to hold nothing is not waited for.
 */
final class ClientInfo {
    private static final Pattern STATE = Pattern.compile(
            "- 0x([0-9a-f]{8,64}): \\{ type: (open|lock|deleg|layout)(?:, access: ([-rw]{1,2}))?"
                    + "(?:, deny: [-r][-w])?(, closed)?(?:, superblock: \"([0-9a-f]{1,8}):([0-9a-f]{1,8}):(-?[0-9]{1,20})\")?.*");
    private static final String BEGIN = "- ";
    private static final Pattern ESCAPE = Pattern.compile("\\\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2}))");
    private static final String REVOKED = ", admin-revoked }";

    private ClientInfo() {
    }

    /** @param number name of the client's directory; info and states decoded as ISO 8859-1 */
    static Nfs4Client parse(String number, String info, String states) throws UnexpectedFormatException {
        Map<String, String> fields = new HashMap<>();
        for (String line : info.split("\n")) {
            int colon = line.indexOf(": ");
            if (colon > 0) {
                fields.putIfAbsent(line.substring(0, colon), line.substring(colon + 2));
            }
        }
        String source = "clients/" + number + "/info";
        try {
            return new Nfs4Client(
                    Long.parseUnsignedLong(need(source, fields, "clientid").replaceFirst("^0x", ""), 16),
                    unquoted(source, need(source, fields, "address")),
                    need(source, fields, "status"),
                    unescaped(unquoted(source, need(source, fields, "name"))),
                    Integer.parseInt(need(source, fields, "minor version")),
                    parseStates(states),
                    number,
                    Long.parseLong(fields.getOrDefault("seconds from last renew", "0")),
                    fields.getOrDefault("callback state", "UNKNOWN"),
                    Integer.parseInt(fields.getOrDefault("admin-revoked states", "0")));
        } catch (NumberFormatException e) {
            throw new UnexpectedFormatException(source, info);
        }
    }

    static List<Nfs4Client.State> parseStates(String text) {
        List<Nfs4Client.State> states = new ArrayList<>();
        boolean first = true;
        for (String line : text.split("\n")) {
            Matcher m = STATE.matcher(line);
            if (!m.matches()) {
                if (line.startsWith(BEGIN) || first && !line.isBlank()) {
                    states.add(new Nfs4Client.State("", Nfs4Client.Type.UNKNOWN, "", null, 0, false));
                }
            } else if (m.group(4) == null) {
                // An NFSv4.0 open that was closed stays for a lease time, in case its CLOSE is repeated; 6.12 shows it.
                states.add(state(m, line));
            }
            first = false;
        }
        return states;
    }

    private static Nfs4Client.State state(Matcher m, String line) {
        DeviceId device = null;
        long inode = 0;
        if (m.group(5) != null) {
            device = new DeviceId(Integer.parseUnsignedInt(m.group(5), 16), Integer.parseUnsignedInt(m.group(6), 16));
            inode = inode(m.group(7));
        }
        String access = m.group(3) == null ? "" : m.group(3);
        Nfs4Client.Type type = Nfs4Client.Type.valueOf(m.group(2).toUpperCase(Locale.ROOT));
        return new Nfs4Client.State(m.group(1), type, access, device, inode, line.endsWith(REVOKED));
    }

    /** Printed with %ld here, so the upper half of the numbers is negative; 0 for what is no number at all. */
    private static long inode(String digits) {
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** What seq_escape_mem() made of a name: {@code \xHH}, in older kernels three octal digits. */
    static byte[] unescaped(String text) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Matcher m = ESCAPE.matcher(text);
        int from = 0;
        while (m.find()) {
            out.writeBytes(text.substring(from, m.start()).getBytes(StandardCharsets.ISO_8859_1));
            out.write(m.group(1) != null ? Integer.parseInt(m.group(1), 16) : Integer.parseInt(m.group(2), 8));
            from = m.end();
        }
        out.writeBytes(text.substring(from).getBytes(StandardCharsets.ISO_8859_1));
        return out.toByteArray();
    }

    private static String need(String source, Map<String, String> fields, String name)
            throws UnexpectedFormatException {
        String value = fields.get(name);
        if (value == null) {
            throw new UnexpectedFormatException(source, "no field " + name);
        }
        return value;
    }

    private static String unquoted(String source, String text) throws UnexpectedFormatException {
        if (text.length() < 2 || !text.startsWith("\"") || !text.endsWith("\"")) {
            throw new UnexpectedFormatException(source, text);
        }
        return text.substring(1, text.length() - 1);
    }
}
