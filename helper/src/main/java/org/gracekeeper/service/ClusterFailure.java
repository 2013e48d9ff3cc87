// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.sys.Namespaces;

/**
 * Tells the cluster that a service has failed, so that it need not wait for its next monitor: with Pacemaker's own tools.
 * Thread-safe.
 */
final class ClusterFailure {
    private static final System.Logger LOG = System.getLogger(ClusterFailure.class.getName());
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final Node node;

    ClusterFailure(Node node) {
        this.node = node;
    }

    /**
     * Nothing is told of a resource that the cluster does not manage now, or does not have here.
     *
     * @return whether it was told
     */
    boolean report(ServiceName name, String problem) throws IOException, InterruptedException {
        String here = run("crm_node", "-n").strip();
        if (here.isEmpty() || !isManagedHere(run("crm_mon", "-1", "--output-as=xml", "--include=none,resources"), name, here)) {
            return false;
        }
        LOG.log(System.Logger.Level.ERROR, "service " + name + " has failed: " + problem + ": telling the cluster");
        run("crm_resource", "--fail", "-r", name.value(), "-N", here);
        return true;
    }

    private String run(String... argv) throws IOException, InterruptedException {
        if (!node.hasTool(argv[0])) {
            return "";
        }
        CommandResult result = node.in(Namespaces.HOST, () -> node.commands().run(LIMIT, null, List.of(argv)));
        if (!result.ok()) {
            throw new IOException(result.summary());
        }
        return result.out();
    }

    /** @param xml of crm_mon: a resource's element has the nodes that it is on below it */
    static boolean isManagedHere(String xml, ServiceName name, String node) {
        Matcher resource = Pattern.compile("<resource id=\"" + Pattern.quote(name.value()) + "\"([^>]*[^/])>(.*?)</resource>",
                Pattern.DOTALL).matcher(xml);
        while (resource.find()) {
            String attributes = resource.group(1);
            if (attributes.contains("managed=\"true\"") && !attributes.contains("maintenance=\"true\"")
                    && attributes.contains("role=\"Started\"") && !attributes.contains("failed=\"true\"")
                    && !attributes.contains("pending=")
                    && resource.group(2).contains("<node name=\"" + node + "\"")) {
                return true;
            }
        }
        return false;
    }
}
