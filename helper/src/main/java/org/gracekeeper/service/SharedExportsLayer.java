// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.nfsd.ExportTable;
import org.gracekeeper.sys.Namespaces;

/**
 * A service's exports in the table of the node's own nfsd: a file in /etc/exports.d, so that whoever reads the table anew keeps
 * them, and one by one, because {@code exportfs -r} would take away what others have exported without a file. Stateless,
 * thread-safe.
 */
final class SharedExportsLayer implements Layer {
    private static final Path DIRECTORY = Path.of("/etc/exports.d");
    private static final Path ETAB = MountNamespace.NFS_STATE.resolve("etab");
    private static final int MAX_ETAB = 4 << 20;

    private final Node node;

    SharedExportsLayer(Node node) {
        this.node = node;
    }

    @Override
    public String name() {
        return "exports";
    }

    /** Also for exports that have changed. */
    @Override
    public void up(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        List<String> wanted = arguments(service.exports());
        node.in(Namespaces.HOST, () -> {
            Files.createDirectories(DIRECTORY);
            String text = service.exports().stream().map(e -> e.line() + "\n").collect(Collectors.joining());
            Path file = file(operation.instance());
            Files.writeString(file, "# Made by gracekeeper, for as long as the service is on this node.\n" + text);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
            unexport(operation, argument -> !wanted.contains(argument));
            for (PlannedExport export : service.exports()) {
                for (PlannedExport.Client client : export.clients()) {
                    node.run(operation.deadline(), "exportfs", "-o", String.join(",", export.options(client)),
                            argument(client.host(), export.path()));
                }
            }
            return null;
        });
    }

    /**
     * Nobody comes to the file systems any more, by whatever address. The newest nfs-utils revoke NFSv4 state with the last
     * {@code -u} of an export, on the newest kernels: it is released in any case.
     */
    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            Files.deleteIfExists(file(operation.instance()));
            unexport(operation, argument -> true);
            // What the kernel has cached of them holds the file systems (fs/nfsd/export.c, filecache.c).
            return node.run(operation.deadline(), "exportfs", "-f");
        });
    }

    /** Those of its directories, whoever has exported them: what a client reaches there holds the file system. */
    private void unexport(Operation operation, Predicate<String> which) throws IOException {
        List<String> paths = operation.service().exports().stream().map(PlannedExport::path).toList();
        for (ExportTable.Export export : table()) {
            String argument = argument(export.client(), export.path());
            if (paths.contains(export.path()) && which.test(argument)) {
                node.run(operation.deadline(), "exportfs", "-u", argument);
            }
        }
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
        return Files.exists(ETAB)
                ? ExportTable.parse(new String(node.kernel().read(ETAB, MAX_ETAB), StandardCharsets.UTF_8)) : List.of();
    }

    /** How the command line of exportfs names them. */
    static List<String> arguments(List<PlannedExport> exports) {
        List<String> arguments = new ArrayList<>();
        for (PlannedExport export : exports) {
            export.clients().forEach(client -> arguments.add(argument(client.host(), export.path())));
        }
        return arguments;
    }

    /** An IPv6 address is in brackets, with the length of a prefix behind them (utils/exportfs/exportfs.c). */
    private static String argument(String host, String path) {
        if (host.indexOf(':') < 0) {
            return host + ":" + path;
        }
        int slash = host.indexOf('/');
        return slash < 0 ? "[" + host + "]:" + path
                : "[" + host.substring(0, slash) + "]" + host.substring(slash) + ":" + path;
    }

    private static Path file(Instance instance) {
        return DIRECTORY.resolve("gracekeeper-" + instance.name() + ".exports");
    }
}
