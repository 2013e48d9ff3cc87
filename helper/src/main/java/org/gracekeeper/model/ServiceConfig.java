// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;

/**
 * What a service is to be: its parameters, checked as far as text can be checked, without a look at the host.
 *
 * @param addresses at least one, no two equal
 * @param nic parent device, or empty: the device that has the first address's network
 * @param routes instead of the parent device's; empty: those
 * @param firewall absolute path of a file of nft(8) commands, or empty
 * @param stateDir absolute and normalized
 * @param exports exports(5) lines, or the absolute path of a file with them
 * @param leaseTime seconds
 * @param graceTime seconds
 * @param delegations whether NFSv4 clients may get delegations
 * @param warmStandby whether nodes without it keep ready for it what needs no storage
 * @param earlyEnd whether grace may end before its time when all locks are back
 * @param waitForRecovery whether start returns only when recovery has ended
 * @param scope NFSv4 server scope and owner (RFC 8881, 2.10.4), equal on every node; empty where the node's nfsd serves and
 *     nothing is said of it
 * @param shared empty for a service with an nfsd instance of its own; else whatever is nfsd's own says nothing
 */
public record ServiceConfig(
        ServiceName name,
        List<InetPrefix> addresses,
        Optional<String> nic,
        LinkType linkType,
        Optional<List<RouteSpec>> routes,
        Optional<Path> firewall,
        Path stateDir,
        String exports,
        Set<NfsVersion> versions,
        int threads,
        int leaseTime,
        int graceTime,
        String scope,
        boolean earlyEnd,
        boolean waitForRecovery,
        boolean delegations,
        boolean warmStandby,
        Optional<SharedServer> shared) {

    /** The kernel takes 10 to 3600 s for both (fs/nfsd/nfsctl.c, __nfsd4_write_time). */
    private static final int MIN_TIME = 10;

    private static final int MAX_TIME = 3600;
    /** lockd's limit (fs/lockd/svc.c, nlm_grace_period_max): its grace would end before the NFSv4 one's. */
    public static final int MAX_GRACE_WITH_NLM = 240;
    /** nfsd's own limit is far higher; a thread costs about 1 MiB of buffers. */
    private static final int MAX_THREADS = 4096;
    /** What an nfsd instance of the service's own is made by. */
    private static final List<String> OWN_ONLY = List.of("link_type", "routes", "firewall", "versions", "threads", "lease_time",
            "grace_time", "early_end", "wait_for_recovery", "delegations", "warm_standby");

    public ServiceConfig {
        addresses = List.copyOf(addresses);
        routes = routes.map(List::copyOf);
        versions = Set.copyOf(versions);
    }

    /**
     * @throws OcfException (CONFIGURED) naming the parameter
     */
    public static ServiceConfig of(ServiceName name, Parameters p) throws OcfException {
        Set<NfsVersion> versions = versions(p.required("versions"));
        int graceLimit = versions.contains(NfsVersion.V3) ? MAX_GRACE_WITH_NLM : MAX_TIME;
        ServiceConfig config = new ServiceConfig(
                name,
                addresses(p.required("ip")),
                nic(p.optional("nic")),
                linkType(p.required("link_type")),
                routes(p.optional("routes")),
                firewall(p.optional("firewall")),
                absolutePath("state_dir", p.required("state_dir")),
                exports(p.required("exports")),
                versions,
                p.integer("threads", 1, MAX_THREADS),
                p.integer("lease_time", MIN_TIME, MAX_TIME),
                p.integer("grace_time", MIN_TIME, graceLimit),
                scope(p.optional("scope"), p.required("instance").strip().equals("node") ? "" : name.value()),
                p.bool("early_end"),
                p.bool("wait_for_recovery"),
                p.bool("delegations"),
                p.bool("warm_standby"),
                shared(p));
        if (config.graceTime < config.leaseTime) {
            throw bad("grace_time", Integer.toString(config.graceTime),
                    "is shorter than lease_time=" + config.leaseTime + ": a client that idles notices the move only"
                            + " after two thirds of the lease and would come too late to reclaim; raise grace_time");
        }
        for (RouteSpec route : config.routes.orElse(List.of())) {
            if (!config.hasFamily(route.isV4())) {
                throw bad("routes", p.optional("routes"), "has routes for " + (route.isV4() ? "IPv4" : "IPv6")
                        + ", and parameter ip has no such address");
            }
        }
        return config;
    }

    /** Whether it is served by the node's own nfsd. */
    public boolean isShared() {
        return shared.isPresent();
    }

    public boolean hasNfsV3() {
        return versions.contains(NfsVersion.V3);
    }

    /** Whether it has an address of IPv4, or else of IPv6. */
    public boolean hasFamily(boolean v4) {
        return addresses.stream().anyMatch(address -> address.isV4() == v4);
    }

    /** Whether {@link #exports()} is the path of a file rather than the lines themselves. */
    public boolean exportsAreInFile() {
        return exports.startsWith("/") && !exports.strip().matches("(?s).*\\s.*");
    }

    private static List<InetPrefix> addresses(String text) throws OcfException {
        List<InetPrefix> list = new ArrayList<>();
        Set<Object> seen = new HashSet<>();
        for (String word : text.strip().split("\\s+")) {
            InetPrefix prefix;
            try {
                prefix = InetPrefix.parse(word);
            } catch (IllegalArgumentException e) {
                throw bad("ip", word, e.getMessage());
            }
            if (prefix.address().isAnyLocalAddress() || prefix.address().isLoopbackAddress()
                    || prefix.address().isMulticastAddress() || prefix.address().isLinkLocalAddress()) {
                throw bad("ip", word, "is not an address that clients on a network can reach");
            }
            if (!seen.add(prefix.address())) {
                throw bad("ip", word, "is given twice");
            }
            list.add(prefix);
        }
        return list;
    }

    private static Optional<String> nic(String text) throws OcfException {
        if (text == null) {
            return Optional.empty();
        }
        // dev_valid_name() in net/core/dev.c, less what no sane device is called.
        if (!text.matches("[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}")) {
            throw bad("nic", text, "is not a network device's name (at most 15 letters, digits, \"_\", \".\", \"-\")");
        }
        return Optional.of(text);
    }

    private static LinkType linkType(String text) throws OcfException {
        for (LinkType type : LinkType.values()) {
            if (type.kind().equals(text.strip())) {
                return type;
            }
        }
        throw bad("link_type", text, "must be ipvlan or macvlan");
    }

    /** Commas do as well as newlines, which Pacemaker hands on as in {@link #exports(String)}. */
    private static Optional<List<RouteSpec>> routes(String text) throws OcfException {
        if (text == null) {
            return Optional.empty();
        }
        if (text.strip().equals("none")) {
            return Optional.of(List.of());
        }
        try {
            return Optional.of(RouteSpec.parseAll(text.replace("\\n", "\n")));
        } catch (IllegalArgumentException e) {
            throw bad("routes", text, "is no list of routes: " + e.getMessage());
        }
    }

    private static Optional<Path> firewall(String text) throws OcfException {
        if (text == null) {
            return Optional.empty();
        }
        // It is named in a command of nft, in which there is no way to quote a quote.
        if (text.indexOf('"') >= 0) {
            throw bad("firewall", text, "must not have quotes");
        }
        return Optional.of(absolutePath("firewall", text));
    }

    private static Path absolutePath(String parameter, String text) throws OcfException {
        if (!text.startsWith("/") || text.chars().anyMatch(c -> c < 0x20 || c == 0x7f)) {
            throw bad(parameter, text, "must be an absolute path without control characters");
        }
        Path path = Path.of(text).normalize();
        if (path.getNameCount() == 0) {
            throw bad(parameter, text, "must be a directory of the service's own, not the root");
        }
        return path;
    }

    /**
     * Pacemaker (2.1.5) hands a newline on as a backslash and an n. That cannot be meant otherwise: exports(5) knows octal
     * escapes only.
     */
    private static String exports(String value) throws OcfException {
        String text = value.replace("\\n", "\n");
        String stripped = text.strip();
        if (stripped.startsWith("/") && !stripped.matches("(?s).*\\s.*")) {
            return absolutePath("exports", stripped).toString();
        }
        ExportsParser.parse(text);
        return text;
    }

    private static Set<NfsVersion> versions(String text) throws OcfException {
        Set<NfsVersion> set = EnumSet.noneOf(NfsVersion.class);
        for (String word : text.strip().split("\\s+")) {
            NfsVersion version = NfsVersion.parse(word).orElse(null);
            if (version == null) {
                throw bad("versions", text, "must be a list of 3, 4.0, 4.1, 4.2; \"" + word + "\" is none of them");
            }
            set.add(version);
        }
        return set;
    }

    private static String scope(String text, String otherwise) throws OcfException {
        if (text == null) {
            return otherwise;
        }
        // The kernel takes it from the nodename: __NEW_UTS_LEN is 64 (include/uapi/linux/utsname.h).
        if (!text.matches("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")) {
            throw bad("scope", text, "must be at most 64 letters, digits, \"_\", \".\" and \"-\", beginning with a letter or"
                    + " digit");
        }
        return text;
    }

    private static Optional<SharedServer> shared(Parameters p) throws OcfException {
        String instance = p.required("instance").strip();
        String grace = p.required("grace").strip();
        SharedServer server = new SharedServer(grace.equals("restart"), p.bool("enforce"));
        if (!grace.equals("none") && !grace.equals("restart")) {
            throw bad("grace", grace, "must be none or restart");
        }
        if (instance.equals("node")) {
            for (String parameter : OWN_ONLY) {
                if (!p.isDefault(parameter)) {
                    throw bad(parameter, p.optional(parameter), "is not for instance=node: it is a matter of the node's own nfsd"
                            + " (/etc/nfs.conf) and network; leave it out");
                }
            }
            return Optional.of(server);
        }
        if (!instance.equals("own")) {
            throw bad("instance", instance, "must be own or node");
        }
        for (String parameter : List.of("grace", "enforce")) {
            if (!p.isDefault(parameter)) {
                throw bad(parameter, p.optional(parameter), "is for instance=node only: leave it out");
            }
        }
        return Optional.empty();
    }

    private static OcfException bad(String parameter, String value, String why) {
        String shown = value.length() > 80 ? value.substring(0, 77).toLowerCase(Locale.ROOT) + "..." : value;
        return new OcfException(OcfCode.CONFIGURED, "parameter " + parameter + ": \"" + shown + "\" " + why);
    }
}
