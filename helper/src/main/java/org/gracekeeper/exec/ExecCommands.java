// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.apache.commons.exec.CommandLine;
import org.apache.commons.exec.DefaultExecutor;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Threads;

/**
 * Runs commands over commons-exec: arguments as they are, a fixed environment, bounded output, a deadline that holds.
 * Thread-safe. To be made by a thread in the process's own namespaces.
 *
 * <p>From a thread in other namespaces a command is started by nsenter from a thread outside: the JDK starts a "process
 * reaper" thread from the thread that starts a process, and keeps it for a minute; it would inherit the namespaces and
 * keep the mount namespace, and so the device below it, busy.
 */
public final class ExecCommands implements Commands {
    /** Bytes of each of stdout and stderr that are kept. */
    public static final int OUTPUT_LIMIT = 1 << 20;

    private static final Map<String, String> ENVIRONMENT =
            Map.of("LC_ALL", "C", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    private static final Duration LINGER = Duration.ofMillis(900);
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final LinkedBlockingQueue<Pending> outside = new LinkedBlockingQueue<>();
    private final ThreadFactory threads;

    public ExecCommands() {
        this(work -> new Thread(work, "command"));
    }

    /** @param threads what makes those that commands are started from */
    ExecCommands(ThreadFactory threads) {
        this.threads = threads;
        Thread starter = new Thread(this::startThreads, "command starter");
        starter.setDaemon(true);
        starter.start();
    }

    @Override
    public CommandResult run(Duration timeout, String stdin, List<String> argv) throws IOException {
        Bounded.requireAwaited();
        List<String> entering = ThreadNamespaces.entering();
        if (entering.isEmpty()) {
            return execute(timeout, stdin, argv, argv);
        }
        List<String> whole = new ArrayList<>(entering);
        whole.addAll(argv);
        return fromOutside(() -> execute(timeout, stdin, whole, argv));
    }

    /** Its threads inherit the process's own namespaces from it, whoever asks for them. */
    private void startThreads() {
        try {
            while (true) {
                Pending next = outside.take();
                Thread thread = threads.newThread(next);
                thread.setDaemon(true);
                try {
                    Threads.start(thread);
                } catch (IOException e) {
                    next.fail(e); // and not those after it
                }
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts this thread", e);
        }
    }

    private static final class Pending extends FutureTask<CommandResult> {
        Pending(Callable<CommandResult> work) {
            super(work);
        }

        void fail(IOException why) {
            setException(why);
        }
    }

    CommandResult fromOutside(Callable<CommandResult> work) throws IOException {
        CountDownLatch ended = new CountDownLatch(1);
        Pending task = new Pending(() -> {
            try {
                return work.call();
            } finally {
                ended.countDown();
            }
        });
        outside.add(task);
        try {
            return task.get();
        } catch (InterruptedException e) {
            task.cancel(true); // interrupts the runner, which ends the command
            awaitEnd(ended);
            Thread.currentThread().interrupt();
            throw interrupted("command");
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** The command itself holds the namespaces, too; but one that is stuck is not waited for. */
    private static void awaitEnd(CountDownLatch ended) {
        try {
            ended.await(PATIENCE.toMillis() * 3, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            // A second interrupt: the caller has no time at all.
        }
    }

    private static CommandResult execute(Duration timeout, String stdin, List<String> argv, List<String> shown)
            throws IOException {
        CommandLine line = new CommandLine(argv.get(0));
        argv.subList(1, argv.size()).forEach(argument -> line.addArgument(argument, false));
        Escalation watchdog = new Escalation(timeout, PATIENCE);
        BoundedStreams streams = new BoundedStreams(stdin, OUTPUT_LIMIT, LINGER);
        DefaultExecutor executor = DefaultExecutor.builder().setExecuteStreamHandler(streams).get();
        executor.setWatchdog(watchdog);
        executor.setExitValues(null); // any status is a result
        long start = System.nanoTime();
        int exit = executor.execute(line, ENVIRONMENT);
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (watchdog.stuck()) {
            exit = CommandResult.STUCK;
            Thread.interrupted(); // the watchdog's, in case it came late
        } else if (exit == DefaultExecutor.INVALID_EXITVALUE) {
            // commons-exec swallows an interrupt, after a SIGTERM.
            Escalation.end(watchdog.process(), PATIENCE);
            Thread.currentThread().interrupt();
            throw interrupted(shown.get(0));
        }
        return new CommandResult(shown, exit, streams.out(), streams.err(), elapsed, watchdog.timedOut());
    }

    private static InterruptedIOException interrupted(String what) {
        return new InterruptedIOException(what + ": interrupted");
    }
}
