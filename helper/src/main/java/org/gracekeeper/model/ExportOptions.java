// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The options of exports(5): which are known, and which a service that moves cannot have. */
final class ExportOptions {
    private static final Set<String> FLAGS = Set.of(
            "ro", "rw", "sync", "async", "secure", "insecure", "root_squash", "no_root_squash", "all_squash",
            "no_all_squash", "subtree_check", "no_subtree_check", "wdelay", "no_wdelay", "hide", "nohide", "crossmnt",
            "secure_locks", "insecure_locks", "auth_nlm", "no_auth_nlm", "acl", "no_acl", "mp", "mountpoint",
            "pnfs", "no_pnfs", "security_label", "nordirplus");
    private static final Set<String> NUMBERS = Set.of("anonuid", "anongid");

    private ExportOptions() {}

    static List<String> split(String options) {
        return Arrays.stream(options.split(",")).map(String::strip).filter(o -> !o.isEmpty()).toList();
    }

    /** Why this option is refused, or null when it is good. */
    static String problem(String option) {
        int equals = option.indexOf('=');
        String name = equals < 0 ? option : option.substring(0, equals);
        String value = equals < 0 ? null : option.substring(equals + 1);
        if (value == null) {
            return FLAGS.contains(name) ? null : unknown(option);
        }
        if (NUMBERS.contains(name)) {
            return value.matches("-?[0-9]{1,10}") ? null : "option \"" + option + "\" needs a number";
        }
        return switch (name) {
            case "fsid" -> fsid(option, value);
            case "sec" -> security(value);
            case "mp", "mountpoint" -> value.startsWith("/") ? null : "option \"" + option + "\" needs a path";
            default -> unknown(option);
        };
    }

    /** The UUID in the form nfsd gets it, or null when the text is none. */
    static String uuid(String text) {
        String hex = text.replaceAll("[-:.]", "").toLowerCase(Locale.ROOT);
        if (!hex.matches("[0-9a-f]{32}")) {
            return null;
        }
        return hex.replaceFirst("(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5");
    }

    private static String fsid(String option, String value) {
        if (uuid(value) != null) {
            return null;
        }
        if (value.equals("root") || value.matches("0+")) {
            return "option \"" + option + "\": a service has no NFSv4 root of its own, clients mount by the whole path over every"
                    + " version; leave it out to have a UUID made";
        }
        return "option \"" + option + "\": lockd tells files of all services on a node apart by fsid alone, so it must be a"
                + " UUID; leave it out to have one made";
    }

    private static String security(String value) {
        for (String flavour : value.split(":")) {
            if (flavour.startsWith("krb5")) {
                return "option \"sec=" + value + "\": Kerberos is not offered by a service (rpc.gssd serves one"
                        + " namespace only): write sec=sys";
            }
            if (!flavour.equals("sys") && !flavour.equals("none") && !flavour.equals("null")) {
                return "option \"sec=" + value + "\" is unknown: write sec=sys";
            }
        }
        return null;
    }

    private static String unknown(String option) {
        return "option \"" + option + "\" is none that a service knows: leave it out (docs/parameters.md has those that it takes)";
    }
}
