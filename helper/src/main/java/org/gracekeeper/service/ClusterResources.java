// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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
final class ClusterResources {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    /** Until it is asked again where nothing tells of a change: a remote node has no such file. */
    static final Duration OUTDATED = Duration.ofMinutes(10);
    /** Between two questions without an answer. */
    static final Duration AGAIN = Duration.ofSeconds(20);
    private static final String PRIMITIVES = "/cib/configuration/resources//primitive";
    /**
     * The values are those of {@link org.gracekeeper.model.Parameters#bool}. Parameters that a resource has by a template or a
     * reference are not seen here: what they say counts from the service's next start or probe on this node on.
     */
    private static final String UNWANTED = PRIMITIVES + "[.//nvpair[@name='warm_standby' and "
            + "contains(' no false off 0 ', concat(' ', translate(@value, 'NOFALSE', 'nofalse'), ' '))]]";
    /** /cib/configuration/resources/group[@id='g']/primitive[@id='data_nfs'] */
    private static final Pattern PATH = Pattern.compile("/cib/configuration/.*/primitive\\[@id='([^']+)'\\]");
    /** CRM_EX_NOSUCH (crm_exit_t in include/crm/common/results.h). */
    private static final int NOTHING_FOUND = 105;

    private final Node node;
    private final Path configuration;
    private final LongSupplier clock;
    private Optional<Map<String, Boolean>> known = Optional.empty();
    private boolean asked;
    private long when;
    private String version = "";

    /**
     * @param configuration usually /var/lib/pacemaker/cib/cib.xml
     * @param clock as {@link System#nanoTime}
     */
    ClusterResources(Node node, Path configuration, LongSupplier clock) {
        this.node = node;
        this.configuration = configuration;
        this.clock = clock;
    }

    /** What it says about preparing something for a service. */
    enum Answer {
        YES,
        /** Nothing, by the resource's parameter warm_standby. */
        UNWANTED,
        /** There is no such resource any more. */
        GONE,
        /** Pacemaker does not run here, or does not answer. */
        UNKNOWN
    }

    /** @param age how old an answer may be although the configuration has changed */
    Answer ask(ServiceName name, Duration age) throws InterruptedException {
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
        Boolean wanted = known.get().get(name.value());
        return wanted == null ? Answer.GONE : wanted ? Answer.YES : Answer.UNWANTED;
    }

    private String version() {
        try {
            return Files.getLastModifiedTime(configuration) + " " + Files.getAttribute(configuration, "unix:ino");
        } catch (IOException e) {
            return "";
        }
    }

    private Optional<Map<String, Boolean>> resources() throws InterruptedException {
        if (!node.hasTool("cibadmin")) {
            return Optional.empty();
        }
        try {
            Map<String, Boolean> resources = new HashMap<>();
            names(PRIMITIVES).forEach(name -> resources.put(name, true));
            names(UNWANTED).forEach(name -> resources.put(name, false));
            return Optional.of(resources);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Paths, and not the XML itself: Java's parsers of that are a megabyte of the helper's memory. */
    private List<String> names(String xpath) throws IOException, InterruptedException {
        CommandResult result = node.in(Namespaces.HOST, () -> node.commands().run(LIMIT, null,
                List.of("cibadmin", "--query", "--node-path", "--xpath", xpath)));
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
