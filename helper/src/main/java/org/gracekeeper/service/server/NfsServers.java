// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.nfsd.ExportTable;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.NamespaceSet;
import org.gracekeeper.sys.Namespaces;

/** The NFS servers of this node: its own nfsd, and one for each service. Thread-safe. */
public final class NfsServers {
    private final Node node;
    private final NfsdFs nfsd;
    private final Registry registry;
    private final Path etab;

    /** @param etab exportfs's own table in the host's mount namespace, usually /var/lib/nfs/etab */
    public NfsServers(Node node, NfsdFs nfsd, Registry registry, Path etab) {
        this.node = node;
        this.nfsd = nfsd;
        this.registry = registry;
        this.etab = etab;
    }

    /** @param submounts whether clients get to what is mounted below, too */
    record Export(Path path, boolean submounts) {}

    /**
     * One of them.
     *
     * @param service empty for the node's own nfsd
     * @param running whether it has threads, and, of a service, clients get through
     */
    public record Server(Optional<RunningService> service, NamespaceSet namespaces, boolean running, List<Export> exports) {

        @Override
        public String toString() {
            return service.map(s -> "service " + s.config().name()).orElse("the node's own nfsd");
        }

        public boolean exports(MountTable.Mount mount, MountTable mounts) {
            return exports.stream().anyMatch(export -> export.submounts() && mount.point().startsWith(export.path())
                    || mounts.of(export.path()).map(m -> m.device().equals(mount.device())).orElse(false));
        }
    }

    /** The node's own first. */
    public List<Server> all() throws IOException, InterruptedException {
        List<Server> servers = new ArrayList<>();
        servers.add(new Server(Optional.empty(), Namespaces.HOST, node.in(Namespaces.HOST, nfsd::runs),
                node.in(Namespaces.HOST, this::etab)));
        for (RunningService service : registry.others(null)) {
            if (service.config().isShared()) {
                continue; // what it exports is in the node's own table
            }
            NamespaceSet inside = service.instance().inside();
            servers.add(new Server(Optional.of(service), inside, service.serving() && node.in(inside, nfsd::runs),
                    service.exports().stream().map(export -> new Export(export.directory(), export.crossesMounts())).toList()));
        }
        return servers;
    }

    /** What the node has mounted. */
    public MountTable mounts() throws IOException {
        return Mounts.read(node);
    }

    public List<Nfs4Client> clients(Server server) throws IOException, InterruptedException {
        return node.in(server.namespaces(), nfsd::clients);
    }

    /** The file systems that belong to a service, with its state directory's. */
    public static boolean isServices(DeviceId device, Collection<Server> servers) {
        return servers.stream().anyMatch(
                server -> server.service().map(service -> service.devices().contains(device)).orElse(false));
    }

    private List<Export> etab() throws IOException {
        try {
            return ExportTable.parse(Files.readString(etab)).stream()
                    .map(export -> new Export(Path.of(export.path()), export.options().contains("crossmnt"))).toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }
}
