// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Namespaces;

/**
 * Whether the cluster's configuration, as Pacemaker on this node knows it, has a service, and wants it prepared. All are asked for
 * at once, and only when the file of the configuration has been written since. For one thread.
 */
public final class ClusterResources {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    /** Until it is asked again where nothing tells of a change: a remote node has no such file. */
    public static final Duration OUTDATED = Duration.ofMinutes(10);
    /** Between two questions without an answer. */
    static final Duration AGAIN = Duration.ofSeconds(20);
    /** Those of this agent; of one that is made from a template the template tells, and may. Another agent's may have the name now. */
    private static final String PRIMITIVES = "/cib/configuration/resources//primitive[@template or @class='ocf' and "
            + "@provider='gracekeeper' and @type='nfs']";
    /**
     * The values are those of {@link org.gracekeeper.model.Parameters#bool}. Parameters that a resource has by a template or a
     * reference are not seen here: what they say counts from the service's next start or probe on this node on.
     */
    private static final String UNWANTED = PRIMITIVES + "[.//nvpair[@name='warm_standby' and "
            + "contains(' no false off 0 ', concat(' ', translate(@value, 'NOFALSE', 'nofalse'), ' '))]]";
    private static final String UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private static final String LOWER = "abcdefghijklmnopqrstuvwxyz";
    /**
     * Which the cluster never starts on a node, whatever else it has: -INFINITY and anything is -INFINITY. Of constraints with rules,
     * patterns, sets or tags nobody here can tell. What crm_resource --ban makes is for a while, and has a role.
     */
    private static final String FORBIDDEN = PRIMITIVES + "[ancestor-or-self::*/@id = /cib/configuration/constraints/rsc_location"
            + "[not(@role or starts-with(@id, 'cli-ban-')) and " + lower("@node") + " = '%s' and " + lower("@score")
            + " = '-infinity']/@rsc]";
    /** No other is in a path's quotes. */
    private static final Pattern NODE = Pattern.compile("[A-Za-z0-9._-]+");
    /** /cib/configuration/resources/group[@id='g']/primitive[@id='data_nfs'] */
    private static final Pattern PATH = Pattern.compile("/cib/configuration/.*/primitive\\[@id='([^']+)'\\]");
    /** CRM_EX_NOSUCH (crm_exit_t in include/crm/common/results.h). */
    private static final int NOTHING_FOUND = 105;

    private final Node node;
    private final Path configuration;
    private final LongSupplier clock;
    private Optional<Map<String, Answer>> known = Optional.empty();
    private boolean asked;
    private long when;
    private String version = "";

    /**
     * @param configuration usually /var/lib/pacemaker/cib/cib.xml
     * @param clock as {@link System#nanoTime}
     */
    public ClusterResources(Node node, Path configuration, LongSupplier clock) {
        this.node = node;
        this.configuration = configuration;
        this.clock = clock;
    }

    /** What it says about preparing something for a service. */
    public enum Answer {
        YES,
        /** Nothing, by the resource's parameter warm_standby. */
        UNWANTED,
        /** Nothing as long as there is a location constraint that keeps it away from this node. */
        FORBIDDEN,
        /** There is no such resource any more. */
        GONE,
        /** Pacemaker does not run here, or does not answer. */
        UNKNOWN
    }

    /** @param age how old an answer may be although the configuration has changed */
    public Answer ask(ServiceName name, Duration age) throws InterruptedException {
        Duration old = Duration.ofNanos(clock.getAsLong() - when);
        String now = version();
        if (!asked || old.compareTo(OUTDATED) >= 0 || known.isEmpty() && old.compareTo(AGAIN) >= 0
                || !now.equals(version) && old.compareTo(age) >= 0) {
            // Of before it is asked: what comes in between is asked for the next time.
            version = now;
            known = resources();
            asked = true;
            when = clock.getAsLong();
        }
        if (known.isEmpty()) {
            return Answer.UNKNOWN;
        }
        return known.get().getOrDefault(name.value(), Answer.GONE);
    }

    private String version() {
        try {
            return Files.getLastModifiedTime(configuration) + " " + Files.getAttribute(configuration, "unix:ino");
        } catch (IOException e) {
            return "";
        }
    }

    private Optional<Map<String, Answer>> resources() throws InterruptedException {
        if (!node.hasTool("cibadmin")) {
            return Optional.empty();
        }
        try {
            Map<String, Answer> resources = new HashMap<>();
            names(PRIMITIVES).forEach(name -> resources.put(name, Answer.YES));
            String here = resources.isEmpty() ? "" : nodeName();
            if (NODE.matcher(here).matches()) {
                names(String.format(FORBIDDEN, here.toLowerCase(Locale.ROOT))).forEach(name -> resources.put(name, Answer.FORBIDDEN));
            }
            names(UNWANTED).forEach(name -> resources.put(name, Answer.UNWANTED));
            return Optional.of(resources);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** As the cluster calls this node, in letters of any case; anything else where that cannot be told. */
    private String nodeName() throws IOException, InterruptedException {
        return node.hasTool("crm_node") ? run("crm_node", "-n").out().strip() : "";
    }

    private static String lower(String attribute) {
        return "translate(" + attribute + ", '" + UPPER + "', '" + LOWER + "')";
    }

    private CommandResult run(String... argv) throws IOException, InterruptedException {
        return node.in(Namespaces.HOST, () -> node.commands().run(LIMIT, null, List.of(argv)));
    }

    /** Paths, and not the XML itself: Java's parsers of that are a megabyte of the helper's memory. */
    private List<String> names(String xpath) throws IOException, InterruptedException {
        CommandResult result = run("cibadmin", "--query", "--node-path", "--xpath", xpath);
        if (result.exit() == NOTHING_FOUND) {
            return List.of();
        }
        if (!result.ok()) {
            throw new IOException("cibadmin: exit " + result.exit());
        }
        List<String> names = new ArrayList<>();
        for (String path : result.out().split("\n")) {
            Matcher matcher = PATH.matcher(path);
            if (!matcher.matches()) {
                throw new UnexpectedFormatException("cibadmin --node-path", path);
            }
            names.add(matcher.group(1));
        }
        return names;
    }
}
