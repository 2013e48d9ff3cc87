// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;

/** Services that come together have one restart of nfsd: each waits for those that are on the way. Thread-safe. */
final class RestartRounds {
    /** From the first that came, whoever else is on the way. */
    private static final Duration LONGEST = Duration.ofSeconds(15);
    private static final long POLL_MILLIS = 100;

    private final SharedServices services;
    private final Duration pause;
    private final Restart restart;
    private final Object rounds = new Object();
    private Round gathering;

    /** What a round ends with. */
    @FunctionalInterface
    interface Restart {
        /**
         * @param arriving never none
         * @param served see {@link RestartThread.Work}
         */
        void run(List<ArrivingService> arriving, Runnable served) throws IOException, InterruptedException;
    }

    /** @param pause nobody else has come for so long */
    RestartRounds(SharedServices services, Duration pause, Restart restart) {
        this.services = services;
        this.pause = pause;
        this.restart = restart;
    }

    /** The services that have one restart together. */
    private static final class Round {
        private final long begin = System.nanoTime();
        private final Map<ServiceName, ArrivingService> members = new LinkedHashMap<>();
        private RestartThread thread;
        private long last;
    }

    /**
     * Returns when nfsd has restarted since.
     *
     * @throws IOException as {@link RestartThread#await}
     */
    void join(ArrivingService arriving, Deadline deadline) throws IOException, InterruptedException {
        ServiceName name = arriving.operation().instance().name();
        Round round;
        synchronized (rounds) {
            if (gathering == null) {
                Round fresh = new Round();
                gathering = fresh;
                fresh.thread = RestartThread.begin("gathering for a restart of nfsd", served -> run(fresh, served));
            }
            round = gathering;
            round.members.put(name, arriving);
            round.last = System.nanoTime();
        }
        try {
            round.thread.await(deadline);
        } finally {
            synchronized (rounds) {
                round.members.remove(name);
            }
        }
    }

    private void run(Round round, Runnable served) throws IOException, InterruptedException {
        try {
            List<ArrivingService> members = await(round);
            if (!members.isEmpty()) {
                restart.run(members, served);
            }
        } finally {
            synchronized (rounds) {
                gathering = gathering == round ? null : gathering;
            }
        }
    }

    private List<ArrivingService> await(Round round) throws IOException, InterruptedException {
        while (true) {
            Set<ServiceName> members;
            synchronized (rounds) {
                members = Set.copyOf(round.members.keySet());
            }
            boolean others = othersStart(services.all(), members);
            synchronized (rounds) {
                long now = System.nanoTime();
                if (round.members.isEmpty()
                        || isOver(Duration.ofNanos(now - round.begin), Duration.ofNanos(now - round.last), pause, others)) {
                    gathering = null;
                    return List.copyOf(round.members.values());
                }
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    /**
     * @param age since the first came
     * @param idle since the last came
     * @param others whether more are on the way
     */
    static boolean isOver(Duration age, Duration idle, Duration pause, boolean others) {
        return age.compareTo(LONGEST) >= 0 || idle.compareTo(pause) >= 0 && !others;
    }

    /** Whether a service is on its way here that will want a restart, too. */
    static boolean othersStart(List<RunningService> all, Set<ServiceName> members) {
        return all.stream().anyMatch(service -> !members.contains(service.config().name())
                && service.config().shared().orElseThrow().restart() && service.startedAt() == 0 && !service.stopping());
    }
}
