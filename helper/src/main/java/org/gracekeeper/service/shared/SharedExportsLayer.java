// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.nfsd.ExportCaches;
import org.gracekeeper.nfsd.ExportTable;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Errors;

/**
 * A service's exports in the table of the node's own nfsd: a file in /etc/exports.d, so that whoever reads the table anew keeps
 * them, and one by one, because {@code exportfs -r} would take away what others have exported without a file. The file is a link
 * to one below /run: should the node lose its power, nothing is exported by it at the next boot. Stateless, thread-safe.
 */
public final class SharedExportsLayer implements Layer {
    private static final Path DIRECTORY = Path.of("/etc/exports.d");
    private static final Path ETAB = MountNamespace.NFS_STATE.resolve("etab");
    private static final int MAX_ETAB = 4 << 20;

    private final Node node;
    private final ExportCaches caches;
    private final Path etab;

    public SharedExportsLayer(Node node, ExportCaches caches) {
        this(node, caches, ETAB);
    }

    /** @param etab where exportfs keeps the node's table */
    public SharedExportsLayer(Node node, ExportCaches caches, Path etab) {
        this.node = node;
        this.caches = caches;
        this.etab = etab;
    }

    @Override
    public String name() {
        return "exports";
    }

    /** Also for exports that have changed. */
    @Override
    public void up(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        List<String> wanted = PlannedExport.arguments(service.exports());
        node.in(Namespaces.HOST, () -> {
            String text = service.exports().stream().map(e -> e.line() + "\n").collect(Collectors.joining());
            Path target = operation.instance().runDir().resolve("exports.d");
            Files.writeString(target, text);
            Path file = file(operation.instance().name());
            Files.deleteIfExists(file);
            Files.createSymbolicLink(file, target);
            // -i: without what others have written into /etc/exports and exports.d, and may have written wrong.
            for (PlannedExport export : service.exports()) {
                for (PlannedExport.Client client : export.clients()) {
                    node.run(operation.deadline(), "exportfs", "-i", "-o", String.join(",", export.options(client)),
                            PlannedExport.argument(client.host(), export.path()));
                }
            }
            Errors errors = new Errors();
            unexport(operation, errors, isOf(service).and(export -> !wanted.contains(export.argument())));
            errors.rethrow();
            return null;
        });
    }

    /**
     * Nobody comes to the file systems any more, by whatever address. The newest nfs-utils revoke NFSv4 state with the last
     * {@code -u} of an export, on the newest kernels: it is released in any case.
     */
    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        if (operation.service().startedAt() == 0) {
            return; // a start that did not come this far: what is exported there is another's
        }
        node.in(Namespaces.HOST, () -> {
            Files.deleteIfExists(file(operation.instance().name()));
            Errors errors = new Errors();
            unexport(operation, errors, isOf(operation.service()));
            // What the kernel has cached of them holds the file systems (fs/nfsd/export.c, filecache.c).
            errors.collect(caches::flush);
            errors.rethrow();
            return null;
        });
    }

    /**
     * Of a service that exports less than it did: nobody would come back for these, and what a client reaches there holds the file
     * system.
     *
     * @param before what it has exported so far
     */
    void withdraw(Operation operation, List<PlannedExport> before) throws IOException, InterruptedException {
        List<String> gone = new ArrayList<>(PlannedExport.arguments(before));
        gone.removeAll(PlannedExport.arguments(operation.service().exports()));
        if (gone.isEmpty()) {
            return;
        }
        node.in(Namespaces.HOST, () -> {
            Errors errors = new Errors();
            unexport(operation, errors, export -> gone.contains(export.argument()));
            errors.rethrow();
            return null;
        });
    }

    private void unexport(Operation operation, Errors errors, Predicate<ExportTable.Export> which)
            throws IOException, InterruptedException {
        for (ExportTable.Export export : table()) {
            if (which.test(export)) {
                errors.collect(() -> node.run(operation.deadline(), "exportfs", "-u", export.argument()));
            }
        }
    }

    /** Those of its directories, whoever has exported them: what a client reaches there holds the file system. */
    private static Predicate<ExportTable.Export> isOf(RunningService service) {
        List<String> paths = service.exports().stream().map(PlannedExport::path).toList();
        return export -> paths.contains(export.path());
    }

    /** One of its directories that is exported still. */
    Optional<String> left(RunningService service) throws IOException {
        return table().stream().filter(isOf(service)).map(ExportTable.Export::path).findFirst();
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        List<ExportTable.Export> table = table();
        for (PlannedExport export : operation.service().exports()) {
            if (table.stream().noneMatch(e -> e.path().equals(export.path())
                    && e.options().contains("fsid=" + export.fsid()))) {
                return Optional.of(export.path() + " is not exported any more: did somebody run exportfs -ua?");
            }
        }
        return Optional.empty();
    }

    private List<ExportTable.Export> table() throws IOException {
        return Files.exists(etab)
                ? ExportTable.parse(new String(node.kernel().read(etab, MAX_ETAB), StandardCharsets.UTF_8)) : List.of();
    }

    /** Takes away what services left that were here when the node lost its power. */
    public void tidy(Collection<ServiceName> here) throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            try (DirectoryStream<Path> found = Files.newDirectoryStream(DIRECTORY, "gracekeeper-*.exports")) {
                for (Path each : found) {
                    if (here.stream().noneMatch(name -> file(name).equals(each))) {
                        Files.delete(each);
                    }
                }
            } catch (NoSuchFileException e) {
                return null;
            }
            return null;
        });
    }

    private static Path file(ServiceName name) {
        return DIRECTORY.resolve("gracekeeper-" + name + ".exports");
    }
}
