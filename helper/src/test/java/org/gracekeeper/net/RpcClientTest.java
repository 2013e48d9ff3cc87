// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import org.gracekeeper.net.RpcClient.Answer;
import org.junit.jupiter.api.Test;

class RpcClientTest {
    private static ServerSocket server() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }

    private static Answer ask(ServerSocket server) throws IOException {
        return RpcClient.ask(server.getLocalPort(), RpcClient.STATD, 1);
    }

    /** Takes one call, and answers with this accept_stat, or not at all. */
    private static void take(ServerSocket server, Integer status) {
        CompletableFuture.runAsync(() -> {
            try (Socket socket = server.accept()) {
                DataInputStream in = new DataInputStream(socket.getInputStream());
                byte[] call = in.readNBytes(in.readInt() & Integer.MAX_VALUE);
                if (status != null) {
                    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                    out.writeInt(0x80000018);
                    out.write(call, 0, Integer.BYTES); // the xid
                    for (int word : new int[] {1, 0, 0, 0, status}) {
                        out.writeInt(word);
                    }
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    @Test
    void oneThatAnswers() throws Exception {
        try (ServerSocket server = server()) {
            take(server, 0);
            assertEquals(Answer.YES, ask(server));
        }
    }

    @Test
    void oneThatDoesNotListen() throws Exception {
        ServerSocket server = server();
        server.close();
        assertEquals(Answer.REFUSED, ask(server));
    }

    @Test
    void oneThatEndsInsteadOfAnswering() throws Exception {
        try (ServerSocket server = server()) {
            take(server, null);
            assertEquals(Answer.REFUSED, ask(server));
        }
    }

    @Test
    void oneThatTakesTheCallAndIsSilent() throws Exception {
        try (ServerSocket server = server()) {
            assertEquals(Answer.SILENCE, ask(server)); // in the server's queue, as with a process that is stopped
        }
    }

    @Test
    void anotherProgramSaysNothingOfThisOne() throws Exception {
        try (ServerSocket server = server()) {
            take(server, 1); // PROG_UNAVAIL
            assertThrows(IOException.class, () -> ask(server));
        }
    }
}
