// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;

/** Bytes as XDR (RFC 4506) has them for {@code string mon<1024>; int state; opaque priv[16]}, and RPC (RFC 5531) for a call. */
class NlmNotifyTest {
    private static final byte[] PRIV = HexFormat.of().parseHex("000102030405060708090a0b0c0dfeff");
    private static final String ARGUMENTS = "0000000a" // length of the name
            + "31302e37372e302e3531" + "0000" // 10.77.0.51, filled up to four bytes
            + "7ffffffe" // state
            + "000102030405060708090a0b0c0dfeff";
    private static final String HEADER = "8000004c" // last fragment, 76 bytes: ten words of header, nine of arguments
            + "a1b2c3d4" + "00000000" + "00000002" // xid, CALL, RPC version
            + "000186b5" + "00000003" + "00000010" // 100021, version 3, SM_NOTIFY
            + "0000000000000000" + "0000000000000000"; // AUTH_NONE as credentials and verifier

    private static byte[] bytes(int xid, int[] arguments) throws IOException {
        return RpcClient.message(xid, RpcClient.LOCKD, 3, 16, arguments);
    }

    @Test
    void theMessageIsWhatLockdDecodes() throws Exception {
        assertArrayEquals(HexFormat.of().parseHex(HEADER + ARGUMENTS),
                bytes(0xa1b2c3d4, NlmNotify.arguments("10.77.0.51", 0x7ffffffe, PRIV)));
    }

    @Test
    void aNameOfWholeWordsIsNotFilledUp() {
        assertArrayEquals(new int[] {4, 0x3a3a3231, 2, 0x00010203, 0x04050607, 0x08090a0b, 0x0c0dfeff},
                NlmNotify.arguments("::21", 2, PRIV));
        assertArrayEquals(new int[] {0, 2, 0x00010203, 0x04050607, 0x08090a0b, 0x0c0dfeff},
                NlmNotify.arguments("", 2, PRIV));
    }

    @Test
    void whatTheKernelWouldNotTakeIsNotSent() {
        assertThrows(IllegalArgumentException.class, () -> NlmNotify.arguments("x".repeat(1025), 2, PRIV));
        assertThrows(IllegalArgumentException.class, () -> NlmNotify.arguments("x", 2, new byte[15]));
    }

    /** Answers one call, with this accept_stat. */
    private static CompletableFuture<Integer> answer(ServerSocket server, int status) {
        return CompletableFuture.supplyAsync(() -> {
            try (Socket socket = server.accept()) {
                DataInputStream in = new DataInputStream(socket.getInputStream());
                byte[] call = in.readNBytes(in.readInt() & Integer.MAX_VALUE);
                int[] reply = {0x80000018, xid(call), 1, 0, 0, 0, status};
                DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                for (int word : reply) {
                    out.writeInt(word);
                }
                return socket.getPort();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    private static int xid(byte[] call) {
        return ByteBuffer.wrap(call).getInt();
    }

    @Test
    void aPrivilegedCallComesFromAPortThatLockdTrusts() throws Exception {
        Root.required();
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Integer> from = answer(server, 0);
            RpcClient.call(server.getLocalPort(), RpcClient.LOCKD, 3, 16, NlmNotify.arguments("::21", 2, PRIV), true);
            int port = from.get();
            assertTrue(port >= 600 && port < 1024, "port " + port);
        }
    }

    @Test
    void aCallThatLockdRejectsFails() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            answer(server, 5); // SYSTEM_ERR, lockd's answer to a port that it does not trust
            IOException e = assertThrows(IOException.class, () -> RpcClient.call(
                    server.getLocalPort(), RpcClient.LOCKD, 3, 16, NlmNotify.arguments("::21", 2, PRIV), false));
            assertEquals("RPC call was not accepted (reply_stat 0, accept_stat 5)", e.getMessage());
        }
    }
}
