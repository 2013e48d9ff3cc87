// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.sys.Sqlite;
import org.gracekeeper.task.Deadline;

/** A service {@code web} with a state directory of the test's. */
public final class TestService {
    private TestService() {
    }

    /** @param more names and values of further parameters */
    public static Parameters parameters(Path stateDir, String... more) throws OcfException, IOException {
        Map<String, String> given = new HashMap<>(Map.of("OCF_RESKEY_ip", "192.0.2.1/24", "OCF_RESKEY_state_dir",
                stateDir.toString(), "OCF_RESKEY_exports", "/srv/a/data *(rw)"));
        for (int i = 0; i < more.length; i += 2) {
            given.put("OCF_RESKEY_" + more[i], more[i + 1]);
        }
        return Parameters.of(given, Metadata.defaults());
    }

    /** The service, not started yet. */
    public static RunningService at(Path stateDir, String... more) throws OcfException, IOException {
        return of("web", parameters(stateDir, more));
    }

    public static RunningService of(String name, Parameters parameters) throws OcfException {
        ServiceConfig config = ServiceConfig.of(new ServiceName(name), parameters);
        return new RunningService(config, "eth0", List.of(), List.of(), List.of(), config.graceTime(), 0, false, false, false, "");
    }

    /** The same with exports, and the file systems that they were on at its start. */
    public static RunningService exporting(RunningService service, List<DeviceId> devices, Path... directories) {
        List<PlannedExport> exports = Stream.of(directories).map(directory -> new PlannedExport(directory.toString(),
                UUID.nameUUIDFromBytes(directory.toString().getBytes(StandardCharsets.UTF_8)).toString(),
                List.of(new PlannedExport.Client("*", List.of("rw"))))).toList();
        return new RunningService(service.config(), service.parent(), service.routes(), exports, devices, service.graceTime(),
                service.startedAt(), service.opened(), service.recovered(), service.stopping(), service.refused());
    }

    /** Makes the directories, and nfsdcld's database with a client that has the owner id "a". */
    public static void withClient(StateDirectory state) throws IOException {
        for (Path each : List.of(state.sm(), state.smBak(), state.nsm(), state.clientDatabase().getParent())) {
            Files.createDirectories(each);
        }
        Files.createFile(state.clientDatabase());
        // As nfs-utils makes it, utils/nfsdcld/sqlite.c.
        sql(state, "CREATE TABLE parameters (key TEXT PRIMARY KEY, value TEXT);"
                + "CREATE TABLE grace (current INTEGER , recovery INTEGER);"
                + "INSERT INTO grace values (1, 0);"
                + "CREATE TABLE \"rec-0000000000000001\" (id BLOB PRIMARY KEY, princhash BLOB);"
                + "INSERT INTO parameters values (\"version\", \"4\");"
                + "INSERT INTO \"rec-0000000000000001\" VALUES (x'61', NULL);");
    }

    /** In nfsdcld's database. */
    public static void sql(StateDirectory state, String statements) throws IOException {
        try (Sqlite db = Sqlite.open(state.clientDatabase(), false)) {
            db.exec(statements);
        }
    }

    /** @param said gets the lines of the log */
    public static Operation operation(RunningService service, List<String> said) {
        return operation(service, said, Deadline.after(Duration.ofSeconds(30)));
    }

    /** The same, with each line's level before it. */
    public static Operation withLevels(RunningService service, List<String> said) {
        return new Operation(service, Deadline.after(Duration.ofSeconds(30)), System.nanoTime(),
                (level, text) -> said.add(level + " " + text));
    }

    public static Operation operation(RunningService service, List<String> said, Deadline deadline) {
        return new Operation(service, deadline, System.nanoTime(), (level, text) -> said.add(text));
    }
}
