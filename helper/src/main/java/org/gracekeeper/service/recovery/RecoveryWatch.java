// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;

/**
 * Watches each service that recovers until its grace has ended, on a thread of its own: one service's slow storage
 * must not prolong another's grace. Thread-safe.
 */
public final class RecoveryWatch {
    private static final System.Logger LOG = System.getLogger(RecoveryWatch.class.getName());
    /**
     * A recovery is told to the cluster when it has lasted so long. Each value makes Pacemaker compute the whole cluster
     * anew, in the very seconds in which this node has to see the last lock come back.
     */
    private static final Duration TELL_AFTER = Duration.ofSeconds(5);
    private static final long END_MILLIS = 2000;
    /** More services that recover at once, as after an outage of all nodes, share the looks of so many. */
    private static final int CROWD = 8;
    private static final Duration LONGEST_IN_CROWD = Duration.ofSeconds(1);
    /** Between two looks of which the first failed. */
    private static final Duration LONGEST = Duration.ofSeconds(2);

    private final Registry registry;
    private final Recovery recovery;
    private final ClusterAttribute attribute;
    private final TimelineLog timeline;
    private final Map<ServiceName, Thread> watches = new ConcurrentHashMap<>();

    public RecoveryWatch(Registry registry, Recovery recovery, ClusterAttribute attribute, TimelineLog timeline) {
        this.registry = registry;
        this.recovery = recovery;
        this.attribute = attribute;
        this.timeline = timeline;
    }

    /** Starts to watch, unless that is done already. */
    public void begin(ServiceName name) {
        watches.computeIfAbsent(name, n -> {
            Thread thread = new Thread(() -> watch(n), "recovery of " + n);
            thread.setDaemon(true);
            thread.start();
            return thread;
        });
    }

    /** Waits until the watch is over, but no longer than {@code limit}. */
    public void await(ServiceName name, Duration limit) throws InterruptedException {
        Thread thread = watches.get(name);
        if (thread != null) {
            thread.join(Math.max(1, limit.toMillis())); // 0 would wait for ever
        }
    }

    /** Stops watching and waits for a look that is under way. */
    void end(ServiceName name) throws IOException, InterruptedException {
        Thread thread = watches.remove(name);
        if (thread == null) {
            return;
        }
        thread.interrupt();
        thread.join(END_MILLIS);
        if (thread.isAlive()) {
            throw new IOException("the watch of the recovery of " + name + " does not end");
        }
    }

    private void watch(ServiceName name) {
        String problem = "";
        long tellAt = System.nanoTime() + TELL_AFTER.toNanos();
        boolean told = false;
        Duration afterFailure = Recovery.SHORT_PAUSE;
        try {
            while (true) {
                Duration pause;
                try {
                    // First of all: a monitor may have asked for this watch when another had just ended.
                    Optional<Duration> next = look(name);
                    if (next.isEmpty()) {
                        break;
                    }
                    pause = next.get();
                    afterFailure = Recovery.SHORT_PAUSE;
                    if (!told && System.nanoTime() - tellAt >= 0) {
                        attribute.set(name, "recovering");
                        told = true;
                    }
                } catch (InterruptedIOException e) {
                    break; // by a stop
                } catch (IOException | RuntimeException e) {
                    // On a full disk it may go on for long.
                    pause = afterFailure;
                    afterFailure = pause.multipliedBy(2).compareTo(LONGEST) < 0 ? pause.multipliedBy(2) : LONGEST;
                    if (!problem.equals(e.getMessage())) {
                        problem = String.valueOf(e.getMessage());
                        LOG.log(System.Logger.Level.WARNING, "service " + name + ": recovery: " + problem);
                    }
                }
                Thread.sleep(inCrowd(pause, watches.size()).toMillis());
            }
        } catch (InterruptedException e) {
            LOG.log(System.Logger.Level.DEBUG, "service {0}: no longer watched", name);
        } finally {
            watches.remove(name, Thread.currentThread());
        }
    }

    /**
     * A look is some ten files and a database: ten in a second for each of so many services would leave their clients, and the
     * starts that are still under way, no processor.
     *
     * @param watched how many services recover
     */
    static Duration inCrowd(Duration pause, int watched) {
        if (watched <= CROWD || pause.compareTo(LONGEST_IN_CROWD) >= 0) {
            return pause;
        }
        Duration longer = pause.multipliedBy(watched).dividedBy(CROWD);
        return longer.compareTo(LONGEST_IN_CROWD) < 0 ? longer : LONGEST_IN_CROWD;
    }

    /** @return after which time to look again; empty when there is nothing to watch any more */
    private Optional<Duration> look(ServiceName name) throws IOException, InterruptedException {
        Optional<RunningService> service = registry.load(name);
        if (service.isEmpty() || !service.get().serving()) {
            return Optional.empty();
        }
        if (service.get().recovered()) {
            attribute.set(name, "serving");
            return Optional.empty();
        }
        Optional<Duration> next = recovery.step(service.get());
        if (next.isPresent()) {
            return next;
        }
        // As it is now: a reload may have changed it meanwhile, and a stop or another start may have begun.
        double start = service.get().startedAt();
        RunningService now = registry.update(
                name, s -> s.serving() && s.startedAt() == start ? s.withRecovered() : s);
        if (!now.serving() || now.startedAt() != start) {
            return Optional.empty();
        }
        timeline.recovered(name);
        attribute.set(name, "serving");
        LOG.log(System.Logger.Level.INFO, "service {0}: recovery has ended", name);
        return Optional.empty();
    }
}
