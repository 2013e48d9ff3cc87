// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.exec.ExecuteStreamHandler;

/**
 * Feeds one command and collects what it says, up to a limit; the rest is read and thrown away. After the command's end
 * it waits for the ends of the pipes only for a bounded time altogether, as a process that the command left behind may
 * hold them open (PumpStreamHandler of commons-exec waits at least 2 s for each).
 */
final class BoundedStreams implements ExecuteStreamHandler {
    private final byte[] stdin;
    private final int limit;
    private final Duration linger;
    private final List<Thread> pumps = new ArrayList<>();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    BoundedStreams(String stdin, int limit, Duration linger) {
        this.stdin = stdin == null ? null : stdin.getBytes(StandardCharsets.UTF_8);
        this.limit = limit;
        this.linger = linger;
    }

    @Override
    public void setProcessInputStream(OutputStream stream) throws IOException {
        if (stdin == null) {
            stream.close();
            return;
        }
        addPump("stdin", () -> {
            try (stream) {
                stream.write(stdin);
            }
        });
    }

    @Override
    public void setProcessOutputStream(InputStream stream) {
        addPump("stdout", () -> drain(stream, out));
    }

    @Override
    public void setProcessErrorStream(InputStream stream) {
        addPump("stderr", () -> drain(stream, err));
    }

    @Override
    public void start() {
        pumps.forEach(Thread::start);
    }

    @Override
    public void stop() {
        long deadline = System.nanoTime() + linger.toNanos();
        try {
            for (Thread pump : pumps) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                pump.join(Math.max(1, left));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    String out() {
        return text(out);
    }

    String err() {
        return text(err);
    }

    private static String text(ByteArrayOutputStream from) {
        synchronized (from) {
            return from.toString(StandardCharsets.UTF_8);
        }
    }

    private void drain(InputStream from, ByteArrayOutputStream to) throws IOException {
        byte[] chunk = new byte[8192];
        for (int count = from.read(chunk); count >= 0; count = from.read(chunk)) {
            synchronized (to) {
                to.write(chunk, 0, Math.min(count, limit - to.size()));
            }
        }
    }

    private void addPump(String name, Pump pump) {
        Thread thread = new Thread(() -> {
            try {
                pump.run();
            } catch (IOException e) {
                // The command closed its end, or its end closed the pipe: there is nothing more to move.
            }
        }, "command " + name);
        thread.setDaemon(true);
        pumps.add(thread);
    }

    private interface Pump {
        void run() throws IOException;
    }
}
