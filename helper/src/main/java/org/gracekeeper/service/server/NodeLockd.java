// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.server;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.task.Step;

/**
 * lockd's settings, which belong to the whole node on kernels before 6.15: set for the moment a service starts, and
 * restored. One start at a time. What they were is written down before they are changed, so that a helper killed in
 * between restores them when it is started again.
 */
public final class NodeLockd {
    /** IANA's port of lockd, the same on every node: a client need not ask rpcbind again after a move. */
    public static final int PORT = 4045;

    /** fs/lockd/svc.c, nlm_grace_period_max. */
    public static final int MAX_GRACE = 240;

    private final ReentrantLock lock = new ReentrantLock();
    private final LockdFs lockd;
    private final DurableFiles files;
    private final Path saved;

    public NodeLockd(LockdFs lockd, DurableFiles files, Path saved) {
        this.lockd = lockd;
        this.files = files;
        this.saved = saved;
    }

    /** Values of lockd's sysctls, in their own units. */
    public record Settings(int gracePeriod, int tcpPort, int udpPort) {
        public static Settings of(Fields f) throws IOException {
            return f.only(new Settings(f.integer("gracePeriod"), f.integer("tcpPort"), f.integer("udpPort")));
        }

        public JsonNode json() {
            return Json.object().put("gracePeriod", gracePeriod).put("tcpPort", tcpPort).put("udpPort", udpPort);
        }
    }

    /** The start of a service's nfsd. */
    @FunctionalInterface
    public interface Start {
        /** @param graceTime the seconds that nfsd is to be given */
        void run(int graceTime) throws IOException, InterruptedException;
    }

    /** Starts a service with lockd's settings as it needs them. */
    public void whileSet(RunningService service, Start start) throws IOException, InterruptedException {
        lock.lockInterruptibly();
        try {
            restore();
            files.write(saved, Json.bytes(
                    new Settings(lockd.gracePeriod(), lockd.tcpPort(), lockd.udpPort()).json()));
            try {
                set(new Settings(Math.min(service.graceTime(), MAX_GRACE), PORT, PORT));
                start.run(graceTime(service));
            } finally {
                restore();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Runs what has to find lockd's settings as the node's administrator left them. */
    public void untouched(Step step) throws IOException, InterruptedException {
        lock.lockInterruptibly();
        try {
            restore();
            step.run();
        } finally {
            lock.unlock();
        }
    }

    private int graceTime(RunningService service) throws IOException {
        return service.config().hasNfsV3() ? graceTime(service.graceTime(), lockd.timeout()) : service.graceTime();
    }

    /**
     * lockd rounds its time up to a multiple of nlm_timeout (fs/lockd/svc.c, get_lockd_grace_period), so nfsd gets the
     * same, else NLM grace would be the longer one. The helper ends both when the configured time is over; without it they
     * still agree, and neither is shorter than clients may need.
     *
     * @param configured seconds
     * @param timeout lockd's nlm_timeout, in seconds
     * @return what nfsd is to be given, in seconds
     */
    static int graceTime(int configured, int timeout) {
        return (Math.min(configured, MAX_GRACE) + timeout - 1) / timeout * timeout;
    }

    /** Puts back what a start that was cut short left; does nothing otherwise. */
    public void restore() throws IOException {
        lock.lock();
        try {
            if (!Files.exists(saved)) {
                return;
            }
            set(Json.read(Files.readAllBytes(saved), Settings::of));
            Files.delete(saved);
        } finally {
            lock.unlock();
        }
    }

    private void set(Settings settings) throws IOException {
        lockd.setGracePeriod(settings.gracePeriod());
        lockd.setTcpPort(settings.tcpPort());
        lockd.setUdpPort(settings.udpPort());
    }
}
