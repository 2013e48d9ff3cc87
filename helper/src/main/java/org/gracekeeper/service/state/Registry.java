// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.store.DurableFiles;

/**
 * The services of this node, as directories below {@link Instance#SERVICES}. It is on a tmpfs: after a boot there is
 * none. Beside the helper's own record each has plain files for the agent's emergency stop. Thread-safe: a record is
 * changed by one at a time, from what it is then.
 *
 * <p>A service is recorded from before its start does anything, and what its parameters name may be another's then. It is its
 * own from {@link #claim} on: before that nobody is refused because of it, and a stop leaves all of that alone.
 */
public final class Registry {
    /** There until the claim is made; the emergency stop knows it. Not the other way round: an older version's record has none. */
    private static final String UNCLAIMED = "unclaimed";
    /** There until the last layer is up; the emergency monitor knows it. An older version's record has none, as above. */
    private static final String INCOMPLETE = "incomplete";
    /** There until clients may come to a service of the node's own nfsd; the emergency stop knows it. */
    private static final String CLOSED = "closed";
    /** Those of its addresses that somebody else has given to the node; mostly not there. The emergency stop knows it. */
    private static final String FOREIGN = "foreign";
    private static final Set<String> NOT_ITS_OWN = Set.of(UNCLAIMED, CLOSED, FOREIGN);

    private final Path root;
    private final DurableFiles files;
    private final Map<String, String> defaults;
    private final Map<ServiceName, Known> known = new HashMap<>();

    /** @param defaults of all parameters: an older version's record lacks those that came later */
    public Registry(Path root, DurableFiles files, Map<String, String> defaults) {
        this.root = root;
        this.files = files;
        Map<String, String> given = new HashMap<>(defaults);
        given.values().removeIf(String::isEmpty);
        this.defaults = Map.copyOf(given);
    }

    /**
     * What is stored; the configuration is kept as the parameters it was made from. A newer version that was replaced by
     * this one may have written more.
     */
    public record Stored(
            Map<String, String> parameters,
            String parent,
            List<String> routes,
            List<PlannedExport> exports,
            List<String> devices,
            int graceTime,
            double startedAt,
            Boolean opened,
            boolean recovered,
            boolean stopping,
            String refused) {

        public static Stored of(Fields f) throws IOException {
            return new Stored(f.textsByName("parameters"), f.text("parent"), f.texts("routes"), f.list("exports", Stored::export),
                    f.texts("devices"), f.integer("graceTime"), f.decimal("startedAt"), f.optionalFlag("opened"),
                    f.flag("recovered"), f.flag("stopping"), f.text("refused"));
        }

        private static PlannedExport export(Fields f) throws IOException {
            return f.only(new PlannedExport(f.text("path"), f.text("fsid"), f.list("clients",
                    c -> c.only(new PlannedExport.Client(c.text("host"), c.texts("options"))))));
        }

        public JsonNode json() {
            ObjectNode json = Json.object();
            ObjectNode given = json.putObject("parameters");
            parameters.forEach(given::put);
            json.put("parent", parent);
            json.set("routes", Json.texts(routes));
            json.set("exports", Json.array(exports, Stored::json));
            json.set("devices", Json.texts(devices));
            return json.put("graceTime", graceTime).put("startedAt", startedAt).put("opened", opened).put("recovered", recovered)
                    .put("stopping", stopping).put("refused", refused);
        }

        private static JsonNode json(PlannedExport export) {
            return Json.object().put("path", export.path()).put("fsid", export.fsid()).set("clients", Json.array(export.clients(),
                    client -> Json.object().put("host", client.host()).set("options", Json.texts(client.options()))));
        }

        /** An older version's record has none; a new grace period asks anew ({@code ServiceManager.startGrace}). */
        List<String> knownRoutes() {
            return routes == null ? List.of() : routes;
        }

        /** An older version did not tell the two apart. */
        boolean wasOpened() {
            return opened == null ? startedAt > 0 : opened;
        }
    }

    /**
     * What was read last: services that recover are looked up ten times a second each, and every start looks at all others.
     * Each write makes another file, see {@link DurableFiles#write}.
     */
    private record Known(Object file, FileTime modified, long size, RunningService service) {
        boolean isOf(BasicFileAttributes now) {
            return file.equals(now.fileKey()) && modified.equals(now.lastModifiedTime()) && size == now.size();
        }
    }

    public boolean exists(ServiceName name) {
        return Files.isDirectory(directory(name));
    }

    /** Records a service whose start begins; it has nothing yet. */
    public synchronized void begin(RunningService service, Parameters parameters) throws IOException {
        Path directory = directory(service.config().name());
        Files.createDirectories(directory);
        // First: the rest says what to stop.
        mark(directory, UNCLAIMED, true);
        mark(directory, INCOMPLETE, true);
        save(service, parameters);
    }

    /** A service that keeps its claim is started once more. */
    public synchronized void beginAnew(ServiceName name) throws IOException {
        // First: between the two it would look like one that serves.
        mark(existing(name), INCOMPLETE, true);
        update(name, RunningService::notStarted);
    }

    /**
     * Its start has come to its end.
     *
     * @throws IOException the service is not on this node any more, or that cannot be recorded
     */
    public synchronized void complete(ServiceName name) throws IOException {
        mark(existing(name), INCOMPLETE, false);
    }

    /**
     * Whether it is recorded, and its start has come to its end. Where that was cut short all layers that can be looked at may be
     * well, and yet its clients know nothing of it: nothing stays of a notification.
     */
    public boolean isComplete(ServiceName name) {
        return exists(name) && !Files.exists(directory(name).resolve(INCOMPLETE));
    }

    /** Why a service cannot have what its parameters name. */
    @FunctionalInterface
    public interface Refusal {
        /**
         * @param others all other services that have made their claim
         * @throws OcfException one of them has it
         */
        void check(List<RunningService> others) throws OcfException;
    }

    /**
     * What a service's parameters name is its own from now on, unless that is refused: of two that start at once and want the
     * same one gets it.
     *
     * @throws IOException the service is not on this node any more, or a record cannot be read or written
     */
    public synchronized void claim(ServiceName name, Refusal refusal) throws IOException, OcfException {
        Path directory = existing(name); // a stop does not wait for storage that the start waited for
        refusal.check(others(name));
        mark(directory, UNCLAIMED, false);
    }

    /** Whether it is recorded, and has made its claim. */
    public boolean isClaimed(ServiceName name) {
        return exists(name) && !Files.exists(directory(name).resolve(UNCLAIMED));
    }

    /** Some of its addresses are somebody else's, who has given them to the node just before the service's start could. */
    public synchronized void leave(ServiceName name, List<InetPrefix> foreign) throws IOException {
        write(existing(name), FOREIGN, foreign.stream().map(Object::toString).toList());
    }

    /** The addresses that the node can have for this service, and that its stop takes away: all but what {@link #leave} named. */
    public List<InetPrefix> ownAddresses(RunningService service) throws IOException {
        Path file = directory(service.config().name()).resolve(FOREIGN);
        List<String> foreign = Files.exists(file) ? Files.readAllLines(file) : List.of();
        return service.config().addresses().stream().filter(address -> !foreign.contains(address.toString())).toList();
    }

    public synchronized void save(RunningService service, Parameters parameters) throws IOException {
        Path directory = directory(service.config().name());
        Files.createDirectories(directory);
        write(directory, "state_dir", List.of(service.config().stateDir().toString()));
        write(directory, "addresses", service.config().addresses().stream().map(Object::toString).toList());
        if (service.config().isShared()) {
            // Before it is recorded as open: its addresses come after that, and a stop must see them.
            mark(directory, CLOSED, !service.opened());
            write(directory, "shared", List.of(service.parent()));
            write(directory, "unexport", PlannedExport.arguments(service.exports()));
        }
        // As /proc/locks has them.
        write(directory, "devices", service.devices().stream()
                .map(device -> String.format("%02x:%02x", device.major(), device.minor())).toList());
        write(directory, "exports", service.exports().stream().map(PlannedExport::path).toList());
        Stored stored = new Stored(
                parameters.values(),
                service.parent(),
                service.routes(),
                service.exports(),
                service.devices().stream().map(DeviceId::toString).toList(),
                service.graceTime(),
                service.startedAt(),
                service.opened(),
                service.recovered(),
                service.stopping(),
                service.refused());
        files.write(record(service.config().name()), Json.pretty(stored.json()));
    }

    /**
     * Changes what start found out, leaves the parameters.
     *
     * @return what is recorded now
     * @throws IOException the service is not on this node, or its record cannot be read or written
     */
    public synchronized RunningService update(ServiceName name, UnaryOperator<RunningService> change) throws IOException {
        Stored stored = recorded(name);
        return changed(name, change, stored, new Parameters(stored.parameters(), defaults));
    }

    /**
     * As {@link #update(ServiceName, UnaryOperator)}, with other parameters, unless what these name is refused: as at a claim, of
     * two that want the same one gets it.
     */
    public synchronized RunningService update(ServiceName name, UnaryOperator<RunningService> change, Parameters parameters,
            Refusal refusal) throws IOException, OcfException {
        refusal.check(others(name));
        return changed(name, change, recorded(name), parameters);
    }

    private RunningService changed(ServiceName name, UnaryOperator<RunningService> change, Stored stored,
            Parameters parameters) throws IOException {
        RunningService changed = change.apply(running(name, stored));
        save(changed, parameters);
        return changed;
    }

    private Stored recorded(ServiceName name) throws IOException {
        existing(name);
        return read(name);
    }

    /** The directory of a service that is on this node. */
    private Path existing(ServiceName name) throws IOException {
        if (!exists(name)) {
            throw new IOException("the record of service " + name + " is gone");
        }
        return directory(name);
    }

    /** Remembers which start, as the state directory counts them, this node made. */
    public synchronized void counted(ServiceName name, long generation) throws IOException {
        write(directory(name), "generation", List.of(Long.toString(generation)));
    }

    /** Empty when this node's start did not come as far as to be counted. */
    public OptionalLong generation(ServiceName name) throws IOException {
        Path file = directory(name).resolve("generation");
        return Files.exists(file) ? OptionalLong.of(Long.parseLong(Files.readString(file).strip())) : OptionalLong.empty();
    }

    /**
     * @return empty when the service is not on this node
     * @throws IOException when it is, but its record cannot be read
     */
    public synchronized Optional<RunningService> load(ServiceName name) throws IOException {
        if (!exists(name)) {
            known.remove(name);
            return Optional.empty();
        }
        BasicFileAttributes file = Files.readAttributes(record(name), BasicFileAttributes.class);
        Known before = known.get(name);
        if (before == null || !before.isOf(file)) {
            before = new Known(file.fileKey(), file.lastModifiedTime(), file.size(), running(name, read(name)));
            known.put(name, before);
        }
        return Optional.of(before.service());
    }

    private RunningService running(ServiceName name, Stored stored) throws IOException {
        try {
            Map<String, String> parameters = new HashMap<>(defaults);
            parameters.putAll(stored.parameters());
            return new RunningService(
                    ServiceConfig.of(name, new Parameters(parameters, defaults)),
                    stored.parent(),
                    stored.knownRoutes(),
                    stored.exports(),
                    stored.devices().stream().map(DeviceId::parse).toList(),
                    stored.graceTime(),
                    stored.startedAt(),
                    stored.wasOpened(),
                    stored.recovered(),
                    stored.stopping(),
                    stored.refused() == null ? "" : stored.refused());
        } catch (OcfException e) {
            throw new IOException("record of service " + name + ": " + e.getMessage(), e);
        }
    }

    /** What says that something is not the service's goes last: cut short, a stop would take down what another service has. */
    public synchronized void remove(ServiceName name) throws IOException {
        Path directory = directory(name);
        if (!exists(name)) {
            return;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                if (!NOT_ITS_OWN.contains(entry.getFileName().toString())) {
                    files.deleteTree(entry);
                }
            }
        }
        files.deleteTree(directory);
    }

    public List<ServiceName> names() throws IOException {
        if (!Files.isDirectory(root)) {
            return List.of();
        }
        List<ServiceName> names = new ArrayList<>();
        try (Stream<Path> entries = Files.list(root)) {
            entries.filter(Files::isDirectory).sorted().forEach(entry -> ServiceName.ofFile(entry).ifPresent(names::add));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return names;
    }

    /** All, or the one asked for if it is there. */
    public List<ServiceName> names(Optional<ServiceName> only) throws IOException {
        return names().stream().filter(name -> only.isEmpty() || only.get().equals(name)).toList();
    }

    /** Every service that has made its claim, but {@code except}, which may be null. Not while one is just being recorded. */
    public synchronized List<RunningService> others(ServiceName except) throws IOException {
        List<RunningService> others = new ArrayList<>();
        for (ServiceName name : names()) {
            if (!name.equals(except) && isClaimed(name)) {
                load(name).ifPresent(others::add);
            }
        }
        return others;
    }

    private Stored read(ServiceName name) throws IOException {
        return Json.read(Files.readAllBytes(record(name)), Stored::of);
    }

    private Path record(ServiceName name) {
        return directory(name).resolve("service.json");
    }

    private Path directory(ServiceName name) {
        return root.resolve(name.value());
    }

    private void mark(Path directory, String file, boolean there) throws IOException {
        if (there) {
            files.write(directory.resolve(file), new byte[0]);
        } else {
            files.deleteTree(directory.resolve(file));
        }
    }

    private void write(Path directory, String file, List<String> lines) throws IOException {
        files.write(directory.resolve(file), (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
