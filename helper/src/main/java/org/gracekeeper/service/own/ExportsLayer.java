// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.nfsd.ExportCaches;
import org.gracekeeper.nfsd.ExportTable;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;

/** The export table of the service's own instance: no other address of the node serves these directories. */
public final class ExportsLayer implements Layer {
    private static final Path ETAB = MountNamespace.NFS_STATE.resolve("etab");
    private static final int MAX_ETAB = 4 << 20;

    private final Node node;
    private final ExportCaches caches;

    public ExportsLayer(Node node, ExportCaches caches) {
        this.node = node;
        this.caches = caches;
    }

    @Override
    public String name() {
        return "exports";
    }

    @Override
    public void up(Operation operation) throws IOException, InterruptedException {
        node.in(operation.instance().inside(), () -> {
            MountNamespace.writeExports(operation.service());
            return node.run(operation.deadline(), "exportfs", "-r");
        });
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        if (!Files.exists(operation.instance().netnsFile())) {
            return;
        }
        // After nfsd has stopped: entries of the kernel's export caches hold the file system (fs/nfsd/export.c).
        // Not "exportfs -u": on the newest kernels and nfs-utils that revokes NFSv4 state.
        node.in(operation.instance().network(), () -> {
            caches.flush();
            return null;
        });
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        Path etab = operation.state().nfs().resolve(ETAB.getFileName());
        List<ExportTable.Export> table = ExportTable.parse(
                new String(node.kernel().read(etab, MAX_ETAB), StandardCharsets.UTF_8));
        for (PlannedExport export : operation.service().exports()) {
            if (table.stream().noneMatch(e -> e.path().equals(export.path())
                    && e.options().contains("fsid=" + export.fsid()))) {
                return Optional.of(export.path() + " is not exported any more: somebody ran exportfs inside the"
                        + " service's namespaces?");
            }
        }
        return Optional.empty();
    }
}
