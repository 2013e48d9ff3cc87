// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.StandbyPlan;
import org.gracekeeper.store.DurableFiles;

/**
 * The files of standbys. A service's file below {@link Instance#STANDBYS} is there from before anything of its standby is made until
 * nothing of it is left, or the service's start has it: then it is among the service's own. As long as it is there, and the service
 * is not recorded, the namespaces that bear its name are those of the standby, in which there was never an address or anything of
 * its storage. The agent and the emergency stop go by the same. Thread-safe; for one service by who has its slot.
 */
public final class Standbys {
    /** Among the service's own, from its start's taking the standby over until its rpcbind ends. */
    static final String ADOPTED = "prepared";

    private final Path marks;
    private final Path services;
    private final Path plans;
    private final DurableFiles files;

    /** @param plans a directory that outlives a boot */
    public Standbys(Path marks, Path services, Path plans, DurableFiles files) {
        this.marks = marks;
        this.services = services;
        this.plans = plans;
        this.files = files;
    }

    /** Whether there may be anything of a standby; of a service that is recorded it is still to be taken over, or down. */
    public boolean stands(ServiceName name) {
        return Files.exists(mark(name));
    }

    /** All of which there may be something; not of which a service has been made. */
    Set<ServiceName> standing() throws IOException {
        return names(marks);
    }

    /** Empty where there is none, or another version has made it, or it cannot be read: nobody can tell then what it is. */
    public Optional<StandbyRecord> record(ServiceName name) {
        return read(mark(name), StandbyRecord::of);
    }

    public void record(ServiceName name, StandbyRecord record) throws IOException {
        Files.createDirectories(marks);
        files.unsynced().write(mark(name), Json.bytes(record.json()));
    }

    /** Nothing of it is left. */
    void forget(ServiceName name) throws IOException {
        Files.deleteIfExists(mark(name));
    }

    /** It is the service's, which is recorded, from now on. */
    public void adopt(ServiceName name) throws IOException {
        Files.move(mark(name), adopted(name), StandardCopyOption.ATOMIC_MOVE);
    }

    boolean isAdopted(ServiceName name) {
        return Files.exists(adopted(name));
    }

    /** Its rpcbind has ended: from now on the service starts it by itself. */
    void spend(ServiceName name) throws IOException {
        Files.deleteIfExists(adopted(name));
    }

    /** All that shall be prepared here, by a start or a probe on this node. */
    Set<ServiceName> planned() throws IOException {
        return names(plans);
    }

    Optional<StandbyPlan> plan(ServiceName name) {
        return read(plans.resolve(name.value()), StandbyPlan::of);
    }

    /** Writes where that differs from what is there. After a power cut that takes it away the node is probed anew. */
    void plan(ServiceName name, StandbyPlan plan) throws IOException {
        Path file = plans.resolve(name.value());
        byte[] text = Json.bytes(plan.json());
        if (!Files.exists(file) || !Arrays.equals(text, Files.readAllBytes(file))) {
            Files.createDirectories(plans);
            files.unsynced().write(file, text);
        }
    }

    void forgetPlan(ServiceName name) throws IOException {
        files.deleteTree(plans.resolve(name.value()));
    }

    private Path mark(ServiceName name) {
        return marks.resolve(name.value());
    }

    private Path adopted(ServiceName name) {
        return services.resolve(name.value()).resolve(ADOPTED);
    }

    private static <T> Optional<T> read(Path file, Json.Reading<T> reading) {
        try {
            return Optional.of(Json.read(Files.readAllBytes(file), reading));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Set<ServiceName> names(Path directory) throws IOException {
        Set<ServiceName> names = new TreeSet<>(Comparator.comparing(ServiceName::value));
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                ServiceName.ofFile(entry).ifPresent(names::add);
            }
        } catch (NoSuchFileException e) {
            return Set.of();
        }
        return names;
    }
}
