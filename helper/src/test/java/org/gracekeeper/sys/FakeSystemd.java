// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/**
 * As much of D-Bus as a client of systemd's own socket sees (D-Bus Specification, "Message Protocol" and "Authentication
 * Protocol"): answers each call, after a signal that nobody has asked for. One thread for each connection.
 */
final class FakeSystemd implements AutoCloseable {
    /** What a call may come to, beside an answer. */
    static final String SILENCE = "silence";
    static final String HANG_UP = "hang up";

    private static final byte RETURN = 2;
    private static final byte ERROR = 3;
    private static final byte SIGNAL = 4;
    private static final int FIXED = 16;

    private final ServerSocketChannel listener;
    private final Thread accepting;
    private final Function<String, String> answers;
    private final List<String> calls = Collections.synchronizedList(new ArrayList<>());
    private volatile String greeting = "OK 00112233445566778899aabbccddeeff\r\nAGREE_UNIX_FD\r\n";

    /** @param answers to a call, with its arguments: empty for success, {@link #SILENCE}, {@link #HANG_UP}, or an error's text */
    FakeSystemd(Path socket, Function<String, String> answers) throws IOException {
        this.answers = answers;
        listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(socket));
        accepting = background(() -> {
            while (true) {
                SocketChannel client = listener.accept();
                background(() -> serve(client));
            }
        });
    }

    /** All so far, of all connections. */
    List<String> calls() {
        synchronized (calls) {
            return List.copyOf(calls);
        }
    }

    void rejectEverybody() {
        greeting = "REJECTED\r\nERROR\r\n";
    }

    private static Thread background(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException e) {
                // One side has closed.
            }
        }, "fake systemd");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void serve(SocketChannel client) throws IOException {
        try (client) {
            StringBuilder said = new StringBuilder();
            while (said.indexOf("BEGIN\r\n") < 0) {
                said.append((char) read(client, 1).get());
            }
            write(client, ((said.indexOf("\nDATA\r\n") < 0 ? "" : "DATA\r\n") + greeting).getBytes(StandardCharsets.US_ASCII));
            for (int serial = 1; true; serial += 2) {
                ByteBuffer header = read(client, FIXED);
                int fields = header.getInt(12);
                List<String> texts = texts(read(client, (fields + 7) / 8 * 8), fields);
                String call = texts.get(0) + " " + String.join(" ", body(read(client, header.getInt(4))));
                calls.add(call);
                String answer = answers.apply(call);
                if (answer.equals(HANG_UP)) {
                    return;
                }
                if (!answer.equals(SILENCE)) {
                    write(client, signal(serial));
                    write(client, answer(serial + 1, header.getInt(8), answer));
                }
            }
        }
    }

    /** @return the member's name; the others are not looked at */
    private static List<String> texts(ByteBuffer fields, int end) {
        List<String> texts = new ArrayList<>();
        while (fields.position() < end) {
            fields.position((fields.position() + 7) / 8 * 8);
            int code = fields.get();
            fields.position(fields.position() + 1);
            char type = (char) fields.get();
            fields.position(fields.position() + 1);
            String text = string(fields, type == 'g' ? fields.get() : fields.getInt());
            if (code == 3) {
                texts.add(text);
            }
        }
        return texts;
    }

    private static List<String> body(ByteBuffer body) {
        List<String> strings = new ArrayList<>();
        while (body.hasRemaining()) {
            body.position((body.position() + 3) / 4 * 4);
            strings.add(string(body, body.getInt()));
        }
        return strings;
    }

    private static String string(ByteBuffer from, int length) {
        byte[] bytes = new byte[length];
        from.get(bytes);
        from.get(); // NUL
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static byte[] answer(int serial, int to, String error) {
        ByteBuffer fields = buffer(256);
        field(fields, 5, 'u').putInt(to);
        if (!error.isEmpty()) {
            string(field(fields, 4, 's'), "org.freedesktop.systemd1.Odd");
        }
        field(fields, 8, 'g').put((byte) 1).put((byte) (error.isEmpty() ? 'o' : 's')).put((byte) 0);
        ByteBuffer body = buffer(256);
        string(body, error.isEmpty() ? "/org/freedesktop/systemd1/job/1" : error);
        return message(error.isEmpty() ? RETURN : ERROR, serial, fields, body);
    }

    private static byte[] signal(int serial) {
        ByteBuffer fields = buffer(256);
        string(field(fields, 1, 'o'), "/org/freedesktop/systemd1");
        string(field(fields, 2, 's'), "org.freedesktop.systemd1.Manager");
        string(field(fields, 3, 's'), "UnitFilesChanged");
        return message(SIGNAL, serial, fields, buffer(0));
    }

    private static byte[] message(byte type, int serial, ByteBuffer fields, ByteBuffer body) {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.writeBytes(buffer(FIXED).put((byte) 'l').put(type).put((byte) 0).put((byte) 1).putInt(body.position())
                .putInt(serial).putInt(fields.position()).array());
        whole.write(fields.array(), 0, (fields.position() + 7) / 8 * 8);
        whole.write(body.array(), 0, body.position());
        return whole.toByteArray();
    }

    private static ByteBuffer field(ByteBuffer to, int code, char type) {
        to.position((to.position() + 7) / 8 * 8);
        return to.put((byte) code).put((byte) 1).put((byte) type).put((byte) 0);
    }

    private static void string(ByteBuffer to, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        to.putInt(bytes.length).put(bytes).put((byte) 0);
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ByteBuffer read(SocketChannel from, int count) throws IOException {
        ByteBuffer buffer = buffer(count);
        while (buffer.hasRemaining()) {
            if (from.read(buffer) < 0) {
                throw new IOException("closed");
            }
        }
        return buffer.flip();
    }

    private static void write(SocketChannel to, byte[] bytes) throws IOException {
        Channels.newOutputStream(to).write(bytes);
    }

    /** Returns when nobody can connect any more. */
    @Override
    public void close() throws IOException {
        listener.close();
        try {
            accepting.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private interface Work {
        void run() throws IOException;
    }
}
