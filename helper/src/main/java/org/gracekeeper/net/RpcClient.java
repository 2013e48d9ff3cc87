// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;

/**
 * ONC RPC (RFC 5531) over TCP, as much as it takes to ask whether a program answers: the NULL procedure, and GETPORT
 * of the port mapper (RFC 1833). The target is the loopback address of the calling thread's network namespace.
 */
public final class RpcClient {
    public static final int RPCBIND_PORT = 111;
    public static final int NFS_PORT = 2049;
    public static final int PMAP = 100000;
    public static final int NFS = 100003;
    public static final int MOUNTD = 100005;
    public static final int LOCKD = 100021;
    public static final int STATD = 100024;

    private static final int TIMEOUT_MILLIS = 5000;
    private static final int PROC_NULL = 0;
    private static final int PMAPPROC_GETPORT = 3;
    private static final int IPPROTO_TCP = 6;
    private static final int LAST_FRAGMENT = 0x8000_0000;
    private static final int MAX_REPLY = 4096;

    private RpcClient() {}

    /** Whether the program's NULL procedure answers on this port. A refused connection is a no, not an error. */
    public static boolean answers(int port, int program, int version) {
        try {
            call(port, program, version, PROC_NULL, new int[0]);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether the program is registered for TCP with rpcbind, and answers on the port it registered. */
    public static boolean registered(int program, int version) {
        int port = port(program, version);
        return port > 0 && answers(port, program, version);
    }

    /** The program's TCP port as rpcbind knows it, 0 when it knows none or does not answer. */
    public static int port(int program, int version) {
        try {
            int[] reply = call(RPCBIND_PORT, PMAP, 2, PMAPPROC_GETPORT,
                    new int[] {program, version, IPPROTO_TCP, 0});
            return reply.length > 0 ? reply[0] : 0;
        } catch (IOException e) {
            return 0;
        }
    }

    private static int[] call(int port, int program, int version, int procedure, int[] arguments)
            throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
            socket.setSoTimeout(TIMEOUT_MILLIS);
            int xid = (int) System.nanoTime();
            new DataOutputStream(socket.getOutputStream())
                    .write(message(xid, program, version, procedure, arguments));
            return reply(new DataInputStream(socket.getInputStream()), xid);
        }
    }

    private static byte[] message(int xid, int program, int version, int procedure, int[] arguments)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        // xid, CALL, RPC version 2, then AUTH_NONE for credentials and verifier.
        int[] header = {xid, 0, 2, program, version, procedure, 0, 0, 0, 0};
        out.writeInt(LAST_FRAGMENT | (header.length + arguments.length) * Integer.BYTES);
        for (int word : header) {
            out.writeInt(word);
        }
        for (int word : arguments) {
            out.writeInt(word);
        }
        return bytes.toByteArray();
    }

    private static int[] reply(DataInputStream in, int xid) throws IOException {
        int length = in.readInt() & ~LAST_FRAGMENT;
        if (length < 6 * Integer.BYTES || length > MAX_REPLY || length % Integer.BYTES != 0) {
            throw new IOException("RPC answer of " + length + " bytes");
        }
        int[] words = new int[length / Integer.BYTES];
        for (int i = 0; i < words.length; i++) {
            words[i] = in.readInt();
        }
        // xid, REPLY, MSG_ACCEPTED, verifier (flavour, length 0), SUCCESS.
        if (words[0] != xid || words[1] != 1 || words[2] != 0 || words[4] != 0 || words[5] != 0) {
            throw new IOException("RPC call was not accepted");
        }
        return java.util.Arrays.copyOfRange(words, 6, words.length);
    }
}
