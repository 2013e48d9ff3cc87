// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;

/**
 * Reads exports(5) syntax: a path and clients a line, {@code -options} as defaults, quotes and octal escapes in
 * paths, {@code #} comments, a backslash before the line's end.
 *
 * <p>Stricter than exportfs, which warns and goes on: on a cluster a line that is silently dropped is found by a
 * client after the next failover.
 */
public final class ExportsParser {
    private ExportsParser() {}

    /**
     * @param text exports(5) lines
     * @throws OcfException (CONFIGURED) naming the line and what to write instead
     */
    public static List<ExportSpec> parse(String text) throws OcfException {
        Map<Path, ExportSpec> exports = new LinkedHashMap<>();
        int number = 0;
        for (String line : text.replace("\\\n", " ").split("\n", -1)) {
            number++;
            List<String> words = words(line, number);
            if (words.isEmpty()) {
                continue;
            }
            ExportSpec spec = parseLine(words, number);
            if (exports.putIfAbsent(spec.path(), spec) != null) {
                throw bad(number, "exports " + spec.path() + " a second time: put all clients in one line");
            }
        }
        if (exports.isEmpty()) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter exports has no line: nothing would be exported");
        }
        return List.copyOf(exports.values());
    }

    private static ExportSpec parseLine(List<String> words, int number) throws OcfException {
        String path = unescape(words.get(0), number);
        if (!path.startsWith("/")) {
            throw bad(number, "path \"" + path + "\" is not absolute");
        }
        if (path.chars().anyMatch(c -> c < 0x20 || c == 0x7f)) {
            throw bad(number, "the path has a control character: rename the directory");
        }
        List<String> defaults = List.of();
        List<ExportSpec.Client> clients = new ArrayList<>();
        for (String word : words.subList(1, words.size())) {
            if (word.startsWith("-")) {
                defaults = ExportOptions.split(word.substring(1));
            } else {
                clients.add(client(word, defaults, number));
            }
        }
        if (clients.isEmpty()) {
            throw bad(number, "no client for " + path + ": name them, e.g. \"" + path
                    + " 192.0.2.0/24(rw)\", or \"*\" for every host");
        }
        return new ExportSpec(Path.of(path).normalize(), clients);
    }

    private static ExportSpec.Client client(String word, List<String> defaults, int number) throws OcfException {
        int open = word.indexOf('(');
        String host = open < 0 ? word : word.substring(0, open);
        List<String> options = new ArrayList<>(defaults);
        if (open >= 0) {
            if (!word.endsWith(")") || word.indexOf('(', open + 1) >= 0) {
                throw bad(number, "\"" + word + "\" has unbalanced parentheses");
            }
            options.addAll(ExportOptions.split(word.substring(open + 1, word.length() - 1)));
        }
        if (host.isEmpty()) {
            throw bad(number, "\"" + word + "\" names no client: with a blank before the parenthesis the options"
                    + " would be for every host; write \"*" + word + "\" if that is meant");
        }
        checkHost(host, number);
        String fsid = null;
        List<String> kept = new ArrayList<>();
        for (String option : options) {
            String problem = ExportOptions.problem(option);
            if (problem != null) {
                throw bad(number, problem);
            }
            if (option.startsWith("fsid=")) {
                fsid = ExportOptions.uuid(option.substring("fsid=".length()));
            } else {
                kept.add(option);
            }
        }
        return new ExportSpec.Client(host, kept, fsid);
    }

    private static void checkHost(String host, int number) throws OcfException {
        if (host.equals("*")) {
            return;
        }
        if (host.startsWith("@")) {
            throw bad(number, "netgroup \"" + host + "\" cannot be looked up inside a service (it must not wait for"
                    + " NIS or LDAP): write addresses, networks or host names");
        }
        if (host.startsWith("gss/")) {
            throw bad(number, "\"" + host + "\" asks for Kerberos, which a service does not offer: write addresses or"
                    + " networks with sec=sys");
        }
        if (host.matches(".*[*?\\[\\]].*")) {
            throw bad(number, "wildcard \"" + host + "\" needs reverse name look-ups inside a service (they could"
                    + " stall every lock on the node): write a network such as 192.0.2.0/24");
        }
        if (host.indexOf('/') >= 0 || host.indexOf(':') >= 0 || host.matches("[0-9.]+")) {
            checkNetwork(host, number);
        } else if (!host.matches("[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")) {
            throw bad(number, "\"" + host + "\" is neither an address, a network, a host name nor \"*\"");
        }
    }

    private static void checkNetwork(String host, int number) throws OcfException {
        int slash = host.indexOf('/');
        try {
            if (slash < 0) {
                InetPrefix.parseLiteral(host);
            } else if (host.substring(slash + 1).indexOf('.') >= 0) {
                InetPrefix.parseLiteral(host.substring(0, slash));
                InetPrefix.parseLiteral(host.substring(slash + 1));
            } else {
                InetPrefix.parse(host);
            }
        } catch (IllegalArgumentException e) {
            throw bad(number, "client \"" + host + "\": " + e.getMessage());
        }
    }

    /** Splits at blanks outside double quotes, up to a comment. */
    private static List<String> words(String line, int number) throws OcfException {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean quoted = false;
        boolean started = false;
        for (char c : line.toCharArray()) {
            if (c == '"') {
                quoted = !quoted;
                started = true;
            } else if (!quoted && c == '#' && !started) {
                break;
            } else if (!quoted && (c == ' ' || c == '\t' || c == '\r')) {
                if (started) {
                    words.add(word.toString());
                    word.setLength(0);
                    started = false;
                }
            } else {
                word.append(c);
                started = true;
            }
        }
        if (quoted) {
            throw bad(number, "a double quote is not closed");
        }
        if (started) {
            words.add(word.toString());
        }
        return words;
    }

    private static String unescape(String word, int number) throws OcfException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            if (c == '\\') {
                String octal = word.substring(i + 1, Math.min(i + 4, word.length()));
                if (!octal.matches("[0-3][0-7]{2}")) {
                    throw bad(number, "\"" + word + "\": a backslash must be followed by three octal digits");
                }
                text.append((char) Integer.parseInt(octal, 8));
                i += 3;
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }

    private static OcfException bad(int line, String what) {
        return new OcfException(OcfCode.CONFIGURED, "parameter exports, line " + line + ": " + what);
    }
}
