// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ExecCommandsTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    private final ExecCommands commands = new ExecCommands();

    @TempDir
    Path dir;

    @Test
    void argumentsArriveAsTheyAre() throws Exception {
        List<String> odd = List.of("a b", "", "'q'", "\"d\"", "$HOME", "*", "${x}", "\\", "-n", "\u00e9");
        String[] argv = new String[odd.size() + 2];
        argv[0] = "printf";
        argv[1] = "[%s]";
        for (int i = 0; i < odd.size(); i++) {
            argv[i + 2] = odd.get(i);
        }

        CommandResult result = commands.run(LONG, null, List.of(argv));

        assertTrue(result.ok());
        assertEquals("[" + String.join("][", odd) + "]", result.out());
    }

    @Test
    void environmentIsFixed() throws Exception {
        List<String> lines = commands.run(LONG, null, List.of("env")).out().lines().sorted().toList();

        assertEquals(List.of("LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"), lines);
    }

    @Test
    void statusAndBothOutputs() throws Exception {
        CommandResult result = commands.run(LONG, null, List.of("sh", "-c", "echo out; echo err >&2; exit 7"));

        assertEquals(7, result.exit());
        assertEquals("out\n", result.out());
        assertEquals("err\n", result.err());
        assertFalse(result.ok());
        assertFalse(result.timedOut());
        assertEquals("sh -c echo out; echo err >&2; exit 7: exit 7: err", result.summary());
    }

    @Test
    void standardInput() throws Exception {
        String much = "line\n".repeat(100_000);

        assertEquals(much, commands.run(LONG, much, List.of("cat")).out());
        assertEquals("", commands.run(LONG, null, List.of("cat")).out());
        assertTrue(commands.run(LONG, much, List.of("true")).ok(), "a command need not read");
    }

    @Test
    void aFloodIsCut() throws Exception {
        CommandResult result = commands.run(LONG, null, List.of("sh", "-c", "head -c 50000000 /dev/zero; echo e >&2"));

        assertTrue(result.ok());
        assertEquals(ExecCommands.OUTPUT_LIMIT, result.out().length());
        assertEquals("e\n", result.err());
    }

    /** Else every later one would wait for ever, on a node that was short of threads for a moment. */
    @Test
    void aCommandThatGetsNoThreadFailsAndTheNextOneRuns() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        ExecCommands starved = new ExecCommands(work -> new Thread(work, "command") {
            @Override
            public void start() {
                if (asked.getAndIncrement() == 0) {
                    throw new OutOfMemoryError("unable to create native thread");
                }
                super.start();
            }
        });
        CommandResult result = commands.run(LONG, null, List.of("true"));

        IOException e = assertThrows(IOException.class, () -> starved.fromOutside(() -> result));
        assertTrue(e.getMessage().startsWith("command: no thread can be started"), e.getMessage());
        assertSame(result, starved.fromOutside(() -> result));
    }

    @Test
    void whatDoesNotExistIsAnException() {
        assertThrows(IOException.class, () -> commands.run(LONG, null, List.of("no-such-command-anywhere")));
    }

    @Test
    void timeIsUpForAnObedientCommand() throws Exception {
        CommandResult result = commands.run(Duration.ofMillis(200), null, List.of("sleep", "60"));

        assertTrue(result.timedOut());
        assertEquals(128 + 15, result.exit());
        assertTrue(result.elapsed().toMillis() < 2000, result.elapsed().toString());
    }

    @Test
    void timeIsUpForAStubbornCommandAndItsChildren() throws Exception {
        Path pids = dir.resolve("pids");
        CommandResult result = commands.run(Duration.ofMillis(500), null, List.of("sh", "-c",
                "trap '' TERM; echo $$ > " + pids + "; sh -c 'trap \"\" TERM; echo $$ >> " + pids
                        + "; while :; do sleep 1; done' & while :; do sleep 1; done"));

        assertTrue(result.timedOut());
        assertEquals(128 + 9, result.exit());
        assertTrue(result.elapsed().toMillis() < 5000, result.elapsed().toString());
        for (String pid : Files.readAllLines(pids)) {
            ProcessHandle.of(Long.parseLong(pid)).ifPresent(p -> {
                try {
                    p.onExit().get(5, TimeUnit.SECONDS);
                } catch (Exception e) {
                    throw new AssertionError("still runs: " + pid, e);
                }
            });
        }
    }

    @Test
    void aGrandchildThatHoldsThePipeDoesNotBlock() throws Exception {
        CommandResult result = commands.run(LONG, null, List.of("sh", "-c", "sleep 20 & echo $!"));
        try {
            assertEquals(0, result.exit());
            assertTrue(result.elapsed().toMillis() < 1500, result.elapsed().toString());
            assertFalse(result.out().isBlank());
        } finally {
            ProcessHandle.of(Long.parseLong(result.out().trim())).ifPresent(ProcessHandle::destroy);
        }
    }

    @Test
    void anInterruptEndsTheCommand() throws Exception {
        Path pid = dir.resolve("pid");
        Object[] seen = new Object[2];
        Thread caller = new Thread(() -> {
            try {
                commands.run(LONG, null, List.of("sh", "-c", "echo $$ > " + pid + ".new; mv " + pid + ".new " + pid
                        + "; exec sleep 60"));
            } catch (IOException e) {
                seen[0] = e;
                seen[1] = Thread.currentThread().isInterrupted();
            }
        });
        caller.start();
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!Files.exists(pid)) {
            assertTrue(System.nanoTime() < deadline, "the command did not start");
            Thread.onSpinWait();
        }

        caller.interrupt();
        caller.join(10_000);

        assertEquals(InterruptedIOException.class, seen[0].getClass());
        assertEquals(true, seen[1]);
        assertFalse(ProcessHandle.of(Long.parseLong(Files.readString(pid).trim())).map(ProcessHandle::isAlive)
                .orElse(false));
    }
}
