// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.concurrent.ThreadLocalRandom;

/**
 * ONC RPC (RFC 5531) over TCP, as much as it takes to ask whether a program answers: the NULL procedure, and GETPORT
 * of the port mapper (RFC 1833); and calls whose arguments are words, {@link NlmNotify}'s. The target is the loopback
 * address of the calling thread's network namespace. Stateless, thread-safe.
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
    /** Those that bindresvport(3) prefers: below them are servers. */
    private static final int FIRST_PRIVILEGED = 600;
    private static final int END_PRIVILEGED = 1024;

    private RpcClient() {}

    /** Whether the program's NULL procedure answers on this port. A refused connection is a no, not an error. */
    public static boolean answers(int port, int program, int version) {
        try {
            call(port, program, version, PROC_NULL, new int[0], false);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** What became of a call that was made to see whether somebody answers. */
    public enum Answer {
        YES,
        /** Nobody listens there, or whoever did has just ended. */
        REFUSED,
        /** Nothing came within 5 s. */
        SILENCE
    }

    /**
     * As {@link #answers}, with what became of it.
     *
     * @throws IOException anything else, which says nothing of the program: it could not be asked, or another one answers
     */
    public static Answer ask(int port, int program, int version) throws IOException {
        try {
            call(port, program, version, PROC_NULL, new int[0], false);
            return Answer.YES;
        } catch (SocketTimeoutException e) {
            return Answer.SILENCE;
        } catch (ConnectException | EOFException e) {
            return Answer.REFUSED;
        }
    }

    /**
     * Whether rpcbind knows the program, for TCP.
     *
     * @throws IOException rpcbind does not answer
     */
    public static boolean knows(int program, int version) throws IOException {
        return getPort(program, version) > 0;
    }

    /** Whether the program is registered for TCP with rpcbind, and answers on the port it registered. */
    public static boolean registered(int program, int version) {
        int port = port(program, version);
        return port > 0 && answers(port, program, version);
    }

    /** The program's TCP port as rpcbind knows it, 0 when it knows none or does not answer. */
    public static int port(int program, int version) {
        try {
            return getPort(program, version);
        } catch (IOException e) {
            return 0;
        }
    }

    private static int getPort(int program, int version) throws IOException {
        int[] reply = call(RPCBIND_PORT, PMAP, 2, PMAPPROC_GETPORT, new int[] {program, version, IPPROTO_TCP, 0}, false);
        return reply.length > 0 ? reply[0] : 0;
    }

    /**
     * One call with AUTH_NONE.
     *
     * @param privileged whether it shall come from a port below 1024, which takes CAP_NET_BIND_SERVICE
     * @return the words of the result
     * @throws IOException no connection, no answer within 5 s, no privileged port, or the call was not accepted
     */
    static int[] call(int port, int program, int version, int procedure, int[] arguments, boolean privileged)
            throws IOException {
        try (Socket socket = new Socket()) {
            if (privileged) {
                bindPrivileged(socket);
            }
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
            socket.setSoTimeout(TIMEOUT_MILLIS);
            int xid = (int) System.nanoTime();
            new DataOutputStream(socket.getOutputStream())
                    .write(message(xid, program, version, procedure, arguments));
            return reply(new DataInputStream(socket.getInputStream()), xid);
        }
    }

    private static void bindPrivileged(Socket socket) throws IOException {
        int ports = END_PRIVILEGED - FIRST_PRIVILEGED;
        int first = ThreadLocalRandom.current().nextInt(ports);
        for (int i = 0; i < ports; i++) {
            try {
                socket.bind(new InetSocketAddress(
                        InetAddress.getLoopbackAddress(), FIRST_PRIVILEGED + (first + i) % ports));
                return;
            } catch (BindException e) {
                if (i == ports - 1) {
                    throw e;
                }
            }
        }
    }

    static byte[] message(int xid, int program, int version, int procedure, int[] arguments)
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
            throw new IOException("RPC call was not accepted (reply_stat " + words[2] + ", accept_stat " + words[5] + ")");
        }
        return java.util.Arrays.copyOfRange(words, 6, words.length);
    }
}
