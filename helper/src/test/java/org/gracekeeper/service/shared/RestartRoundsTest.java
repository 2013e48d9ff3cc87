// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartRoundsTest {
    @TempDir
    private Path dir;

    private final List<Set<String>> restarts = Collections.synchronizedList(new ArrayList<>());
    private FakeRestart node;
    private RestartRounds rounds;

    @BeforeEach
    void aNode() throws Exception {
        node = new FakeRestart(dir);
        rounds = new RestartRounds(node.services, FakeRestart.PAUSE, (arriving, served) -> restarts.add(names(arriving)));
    }

    private static Set<String> names(List<ArrivingService> arriving) {
        Set<String> names = new TreeSet<>();
        arriving.forEach(service -> names.add(service.operation().instance().name().value()));
        return names;
    }

    private void join(ArrivingService service) throws IOException, InterruptedException {
        rounds.join(service, Deadline.after(FakeRestart.PATIENCE));
    }

    @Test
    void oneOnItsWayIsWaitedFor() throws Exception {
        ArrivingService slow = node.arriving("slow", "");
        node.here.add(slow.operation().service());
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            try {
                Thread.sleep(FakeRestart.PAUSE.toMillis() * 3);
                join(slow);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        join(node.arriving("web", ""));
        other.get();

        assertEquals(List.of(Set.of("slow", "web")), restarts);
    }

    @Test
    void whoComesAfterwardsHasAnother() throws Exception {
        join(node.arriving("web", ""));
        join(node.arriving("db", ""));

        assertEquals(List.of(Set.of("web"), Set.of("db")), restarts);
    }

    @Test
    void whereAllHaveGivenUpThereIsNone() throws Exception {
        ArrivingService web = node.arriving("web", "");
        assertThrows(IOException.class, () -> rounds.join(web, Deadline.after(Duration.ZERO)));
        join(node.arriving("db", ""));

        assertFalse(restarts.contains(Set.of("web")), restarts.toString());
        assertTrue(restarts.contains(Set.of("db")), restarts.toString());
    }

    @Test
    void allHearThatItFailed() throws Exception {
        rounds = new RestartRounds(node.services, FakeRestart.PAUSE, (arriving, served) -> {
            throw new IOException("no memory");
        });
        IOException e = assertThrows(IOException.class, () -> join(node.arriving("web", "")));
        assertEquals("no memory", e.getMessage());
    }

    @Test
    void aRoundIsOverWhenNobodyElseComes() {
        Duration pause = Duration.ofSeconds(2);
        assertFalse(RestartRounds.isOver(Duration.ofSeconds(1), Duration.ofSeconds(1), pause, false));
        assertTrue(RestartRounds.isOver(Duration.ofSeconds(2), Duration.ofSeconds(2), pause, false));
        assertFalse(RestartRounds.isOver(Duration.ofSeconds(3), Duration.ofSeconds(1), pause, false));
        assertFalse(RestartRounds.isOver(Duration.ofSeconds(14), Duration.ofSeconds(9), pause, true));
        assertTrue(RestartRounds.isOver(Duration.ofSeconds(15), Duration.ZERO, pause, true), "nobody waits for ever");
    }

    @Test
    void othersAreOnTheirWayWhileTheyStart() throws Exception {
        RunningService starts = node.service("db");
        assertTrue(RestartRounds.othersStart(List.of(starts), Set.of()));
        assertFalse(RestartRounds.othersStart(List.of(starts), Set.of(new ServiceName("db"))));
        assertFalse(RestartRounds.othersStart(List.of(starts.started(5), starts.withStopping()), Set.of()));
        assertFalse(RestartRounds.othersStart(List.of(node.service("quiet", "grace", "none")), Set.of()));
    }
}
