// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.Reply;
import org.gracekeeper.protocol.Request;

/**
 * The control socket: one request and one answer for each connection, a thread for each. Its directory is root's alone,
 * and so is the socket.
 */
final class ControlSocket {
    private static final System.Logger LOG = System.getLogger(ControlSocket.class.getName());
    /** A request is written in one go by a local program: who takes longer is stuck. */
    private static final long READ_SECONDS = 5;
    /** More than one action on each of as many services as a node has. */
    private static final int MAX_CONNECTIONS = 256;

    private final Path path;
    private final ServerSocketChannel server;
    private final Dispatcher dispatcher;
    private final Semaphore places = new Semaphore(MAX_CONNECTIONS);
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "request timer");
        thread.setDaemon(true);
        return thread;
    });

    private ControlSocket(Path path, ServerSocketChannel server, Dispatcher dispatcher) {
        this.path = path;
        this.server = server;
        this.dispatcher = dispatcher;
    }

    static ControlSocket bind(Path path, Dispatcher dispatcher) throws IOException {
        Files.createDirectories(path.getParent());
        Files.setPosixFilePermissions(path.getParent(), PosixFilePermissions.fromString("rwx------"));
        // A killed helper leaves its socket behind; systemd runs one helper at a time.
        Files.deleteIfExists(path);
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        // So many may wait to be heard. By default it is 50, and socat fails where there is no place among them, instead of
        // waiting for one: all services of a node may be asked to start at once.
        server.bind(UnixDomainSocketAddress.of(path), MAX_CONNECTIONS);
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        return new ControlSocket(path, server, dispatcher);
    }

    Path path() {
        return path;
    }

    /** Whether there is no request that has not been answered. */
    boolean isIdle() {
        // One place is for the next.
        return places.availablePermits() >= MAX_CONNECTIONS - 1;
    }

    /** Serves until the process ends. */
    void serve() throws IOException, InterruptedException {
        while (true) {
            places.acquire();
            SocketChannel channel = server.accept();
            Thread thread = new Thread(() -> {
                try {
                    handle(channel);
                } finally {
                    places.release();
                }
            }, "request");
            thread.setDaemon(true);
            thread.start();
        }
    }

    /** Asks a helper's socket for a sign of life. */
    static void ping(Path path) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            byte[] request = (Request.MAGIC + "\0cli\0ping\0").getBytes(StandardCharsets.UTF_8);
            write(channel, request);
            channel.shutdownOutput();
            String answer = new String(readAll(channel, 64), StandardCharsets.UTF_8);
            if (!answer.equals("0\npong\n")) {
                throw new IOException("unexpected answer");
            }
        }
    }

    private void handle(SocketChannel channel) {
        try (channel) {
            byte[] request = readInTime(channel);
            if (request.length > Request.MAX_BYTES) {
                LOG.log(System.Logger.Level.WARNING, "a request was longer than " + Request.MAX_BYTES + " bytes");
                write(channel, Reply.text(OcfCode.ARGS.number(), "request too long").encode());
            } else if (request.length > 0) {
                write(channel, dispatcher.answer(request).encode());
            }
        } catch (AsynchronousCloseException e) {
            LOG.log(System.Logger.Level.WARNING, "a request did not arrive within " + READ_SECONDS + " s");
        } catch (IOException e) {
            // The agent was killed at its timeout, most likely. What it asked for has been done all the same.
            LOG.log(System.Logger.Level.INFO, "answer not delivered: " + e.getMessage());
        }
    }

    private byte[] readInTime(SocketChannel channel) throws IOException {
        ScheduledFuture<?> late = timer.schedule(() -> close(channel), READ_SECONDS, TimeUnit.SECONDS);
        try {
            return readAll(channel, Request.MAX_BYTES);
        } finally {
            late.cancel(false);
        }
    }

    /** All there is to read, or a little more than {@code limit} bytes of it. */
    private static byte[] readAll(SocketChannel channel, int limit) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(8192);
        while (channel.read(buffer) >= 0) {
            bytes.write(buffer.array(), 0, buffer.position());
            buffer.clear();
            if (bytes.size() > limit) {
                break;
            }
        }
        return bytes.toByteArray();
    }

    private static void write(SocketChannel channel, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private static void close(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "close: " + e.getMessage());
        }
    }
}
