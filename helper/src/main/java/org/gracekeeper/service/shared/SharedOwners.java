// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.store.DurableFiles;

/**
 * Hosts that used services over NFSv4 on the own nfsds of several nodes. On each node the host is a client, and all of these have
 * one owner string (co_ownerid): when the services meet on a node they are one client there, and the first RECLAIM_COMPLETE of
 * the host ends the reclaim of everything else that it had (fs/nfsd/nfs4state.c, nfsd4_reclaim_complete). A server cannot help
 * that; but it can be told. Kept below /run as long as the service is here. Thread-safe as far as services differ.
 */
public final class SharedOwners {
    private static final String FILE = "one-owner";

    private final Path services;
    private final DurableFiles files;

    /** @param services has a directory for each service */
    public SharedOwners(Path services, DurableFiles files) {
        this.services = services;
        this.files = files;
    }

    /**
     * A service that comes.
     *
     * @param from of which boot of which node its clients are, as {@link Node#bootId}
     * @param owners of NFSv4 clients, in hexadecimal
     */
    record Arrival(ServiceName name, String from, Collection<String> owners) {}

    /**
     * Those that would be two clients and become one.
     *
     * @param here owners of clients that this node's nfsd has
     * @param boot this node's
     */
    static Map<ServiceName, Set<String>> meeting(List<Arrival> arriving, Set<String> here, String boot) {
        Map<ServiceName, Set<String>> found = new LinkedHashMap<>();
        for (Arrival one : arriving) {
            for (String owner : one.owners()) {
                boolean meets = here.contains(owner) && !one.from().equals(boot)
                        || arriving.stream().anyMatch(other -> other.owners().contains(owner) && !other.from().equals(one.from()));
                if (meets) {
                    found.computeIfAbsent(one.name(), name -> new TreeSet<>()).add(owner);
                }
            }
        }
        return found;
    }

    /** For the monitor and the command line, until the service leaves. */
    void note(ServiceName service, Set<String> owners) throws IOException {
        files.write(file(service), String.join("\n", owners).getBytes(StandardCharsets.US_ASCII));
    }

    /** Those of them that still have something on the service, in words. */
    Optional<String> remark(RunningService service) throws IOException {
        Set<String> noted;
        try {
            noted = new TreeSet<>(Files.readAllLines(file(service.config().name()), StandardCharsets.ISO_8859_1));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
        noted.retainAll(SharedRecordsLayer.clients(service.state()));
        return noted.isEmpty() ? Optional.empty() : Optional.of(text(noted));
    }

    /** What it means. */
    static String text(Set<String> owners) {
        return "NFSv4 hosts used it on one node, and something else on another; here they are one client for both, and what they"
                + " had on one of the two may be lost, see docs/limits.md: "
                + owners.stream().map(SharedOwners::name).collect(Collectors.joining(", "));
    }

    private static String name(String owner) {
        return new String(HexFormat.of().parseHex(owner), StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", "?");
    }

    private Path file(ServiceName service) {
        return services.resolve(service.value()).resolve(FILE);
    }
}
