// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.ExportSpec;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;

/**
 * Turns export lines into what exportfs gets: host names become addresses, every export gets its fsid.
 *
 * <p>Names are looked up once, here, with the host's resolver. Inside a service nothing resolves names: a look-up
 * that hangs there would hang the node's only lockd.
 */
final class ExportResolver {

    /** Looks a host name up; replaced in tests. */
    interface Lookup {
        InetAddress[] addresses(String host) throws UnknownHostException;
    }

    private final Lookup lookup;

    ExportResolver(Lookup lookup) {
        this.lookup = lookup;
    }

    List<PlannedExport> resolve(ServiceName name, List<ExportSpec> specs) throws OcfException {
        List<PlannedExport> planned = new ArrayList<>();
        Map<String, Path> fsids = new HashMap<>();
        for (ExportSpec spec : specs) {
            String fsid = fsid(name, spec);
            Path other = fsids.putIfAbsent(fsid, spec.path());
            if (other != null) {
                throw new OcfException(OcfCode.CONFIGURED, "parameter exports: fsid " + fsid + " of " + spec.path()
                        + " is already that of " + other + ": leave fsid out, or give each export one of its own");
            }
            planned.add(new PlannedExport(spec.path().toString(), fsid, clients(spec)));
        }
        return planned;
    }

    private static String fsid(ServiceName name, ExportSpec spec) throws OcfException {
        Set<String> given = new HashSet<>();
        for (ExportSpec.Client client : spec.clients()) {
            if (client.fsid() != null) {
                given.add(client.fsid());
            }
        }
        if (given.size() > 1) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter exports: " + spec.path()
                    + " has different fsids for its clients: one directory needs one fsid");
        }
        if (given.size() == 1) {
            return given.iterator().next();
        }
        // From the names alone, so that every node comes to the same one and file handles survive the move.
        String seed = "gracekeeper/" + name + spec.path();
        return UUID.nameUUIDFromBytes(seed.getBytes(StandardCharsets.UTF_8)).toString();
    }

    private List<PlannedExport.Client> clients(ExportSpec spec) throws OcfException {
        List<PlannedExport.Client> clients = new ArrayList<>();
        for (ExportSpec.Client client : spec.clients()) {
            for (String host : hosts(client.host())) {
                clients.add(new PlannedExport.Client(host, client.options()));
            }
        }
        return clients;
    }

    private List<String> hosts(String host) throws OcfException {
        if (host.equals("*") || host.indexOf('/') >= 0 || host.indexOf(':') >= 0 || host.matches("[0-9.]+")) {
            return List.of(host);
        }
        try {
            List<String> found = new ArrayList<>();
            for (InetAddress address : lookup.addresses(host)) {
                found.add(AddressText.of(address));
            }
            return found;
        } catch (UnknownHostException e) {
            throw new OcfException(OcfCode.ARGS, "parameter exports: this node cannot resolve the host name \"" + host
                    + "\": add it to /etc/hosts on every node, or write its address", e);
        }
    }
}
