// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceName;
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
    private static final String PARAMETER = "warm_standby";
    /** As {@link org.gracekeeper.model.Parameters#bool}. */
    private static final Set<String> NO = Set.of("no", "false", "off", "0");

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
            CommandResult result = node.in(Namespaces.HOST,
                    () -> node.commands().run(LIMIT, null, List.of("cibadmin", "--query", "--scope", "resources")));
            return result.ok() ? Optional.of(parse(result.out())) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Each primitive, and whether it wants to be prepared for. Parameters that it has by a template or a reference are not seen here:
     * what they say counts from the service's next start on this node on.
     */
    static Map<String, Boolean> parse(String xml) throws IOException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        Map<String, Boolean> resources = new HashMap<>();
        try {
            XMLStreamReader reader = factory.createXMLStreamReader(new StringReader(xml));
            String primitive = "";
            while (reader.hasNext()) {
                if (reader.next() != XMLStreamConstants.START_ELEMENT) {
                    continue;
                }
                if (reader.getLocalName().equals("primitive")) {
                    primitive = reader.getAttributeValue(null, "id");
                    resources.put(primitive, true);
                } else if (reader.getLocalName().equals("nvpair")
                        && PARAMETER.equals(reader.getAttributeValue(null, "name"))
                        && NO.contains(String.valueOf(reader.getAttributeValue(null, "value")).toLowerCase(Locale.ROOT))) {
                    resources.computeIfPresent(primitive, (id, wanted) -> false);
                }
            }
            return resources;
        } catch (XMLStreamException e) {
            throw new IOException("cibadmin: " + e.getMessage(), e);
        }
    }
}
