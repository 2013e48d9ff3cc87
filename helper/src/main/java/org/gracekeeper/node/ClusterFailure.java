// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.io.StringReader;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.sys.Namespaces;

/**
 * Tells the cluster that a service has failed, with Pacemaker's own tools, so that it need not wait for its next monitor. Such a
 * failure is not the monitor's: an on-fail of that does not count, the cluster starts the service anew. Thread-safe.
 */
public final class ClusterFailure {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    /** What a resource at rest, which the cluster looks after, has; and what it has not. */
    private static final Set<String> TRUE = Set.of("managed", "active");
    private static final Set<String> FALSE = Set.of("maintenance", "failed", "blocked", "orphaned");

    private final Node node;

    public ClusterFailure(Node node) {
        this.node = node;
    }

    /** Whether the cluster has the service here, manages it, and is about to do nothing with it. */
    public boolean cares(ServiceName name) throws IOException, InterruptedException {
        String here = nodeName();
        return !here.isEmpty() && caresFor(run("crm_mon", "-1", "--output-as=xml", "--include=none,resources"), name, here);
    }

    public void report(ServiceName name) throws IOException, InterruptedException {
        run("crm_resource", "--fail", "-r", name.value(), "-N", nodeName());
    }

    private String nodeName() throws IOException, InterruptedException {
        return node.hasTool("crm_node") ? run("crm_node", "-n").strip() : "";
    }

    private String run(String... argv) throws IOException, InterruptedException {
        CommandResult result = node.in(Namespaces.HOST, () -> node.commands().run(LIMIT, null, List.of(argv)));
        if (!result.ok()) {
            throw new IOException(result.summary());
        }
        return result.out();
    }

    /** @param xml of crm_mon: a resource's element has the nodes that it is on below it */
    static boolean caresFor(String xml, ServiceName name, String node) throws IOException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        try {
            XMLStreamReader reader = factory.createXMLStreamReader(new StringReader(xml));
            boolean mine = false;
            while (reader.hasNext()) {
                int event = reader.next();
                if (event == XMLStreamConstants.START_ELEMENT && reader.getLocalName().equals("resource")) {
                    mine = name.value().equals(reader.getAttributeValue(null, "id")) && atRest(reader);
                } else if (event == XMLStreamConstants.END_ELEMENT && reader.getLocalName().equals("resource")) {
                    mine = false;
                } else if (mine && event == XMLStreamConstants.START_ELEMENT && reader.getLocalName().equals("node")
                        && node.equals(reader.getAttributeValue(null, "name"))) {
                    return true;
                }
            }
            return false;
        } catch (XMLStreamException e) {
            throw new IOException("crm_mon: " + e.getMessage(), e);
        }
    }

    private static boolean atRest(XMLStreamReader reader) {
        String target = reader.getAttributeValue(null, "target_role");
        return "Started".equals(reader.getAttributeValue(null, "role")) && reader.getAttributeValue(null, "pending") == null
                && (target == null || target.equals("Started"))
                && TRUE.stream().allMatch(each -> "true".equals(reader.getAttributeValue(null, each)))
                && FALSE.stream().noneMatch(each -> "true".equals(reader.getAttributeValue(null, each)));
    }
}
