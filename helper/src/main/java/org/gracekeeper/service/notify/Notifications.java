// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;

/**
 * What nfs-notify of a service has to do: a list below /run, which it waits to get a lock of. The helper has the lock until
 * clients can be reached. A helper that is killed gives it up, which harms nobody: its start is given up too, so nobody
 * hears the notifications, and the next start has them all again. Thread-safe.
 */
public final class Notifications {
    /** agent/nfs-notify reads it. */
    private static final String LIST = "notify";

    private final Path services;
    private final DurableFiles files;
    private final Kernel kernel;
    private final Map<ServiceName, Integer> locks = new ConcurrentHashMap<>();

    /** @param services has a directory for each service */
    public Notifications(Path services, DurableFiles files, Kernel kernel) {
        this.services = services;
        this.files = files;
        this.kernel = kernel;
    }

    /**
     * One run of sm-notify.
     *
     * @param directory inside the service's mount namespace
     * @param monitorName by which sm-notify knows the address
     * @param first whether the hosts seem to be alive
     */
    record Line(Path directory, String monitorName, boolean first) {
        @Override
        public String toString() {
            return directory + " " + monitorName + (first ? " first" : " then") + "\n";
        }
    }

    /** From now on nfs-notify may be started, and waits. Without lines there is nothing to start it for. */
    void hold(ServiceName name, List<Line> lines) throws IOException {
        remove(name);
        if (!lines.isEmpty()) {
            StringBuilder text = new StringBuilder();
            lines.forEach(text::append);
            // Another file than any before: nobody can have its lock yet.
            files.write(list(name), text.toString().getBytes(StandardCharsets.US_ASCII));
            locks.put(name, kernel.lock(list(name)));
        }
    }

    public boolean any(ServiceName name) {
        return Files.exists(list(name));
    }

    /** Clients can be reached. */
    public void letGo(ServiceName name) {
        Integer lock = locks.remove(name);
        if (lock != null) {
            kernel.close(lock);
        }
    }

    /** To be called when nothing waits for the lock any more. */
    void remove(ServiceName name) throws IOException {
        letGo(name);
        Files.deleteIfExists(list(name));
    }

    private Path list(ServiceName name) {
        return services.resolve(name.value()).resolve(LIST);
    }
}
