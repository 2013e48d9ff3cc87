// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What statd calls lockd with when a host that it monitors has rebooted: lockd then releases all of that host's locks, share
 * reservations and waiting requests (fs/lockd/host.c, nlm_host_rebooted). The kernel takes it from a privileged port of the
 * loopback address only (include/linux/lockd/lockd.h, nlm_privileged_requester), with AUTH_NONE as with AUTH_SYS
 * (fs/lockd/svc.c, lockd_authenticate), and answers when the locks are gone. Read in 6.1 and 6.12, where versions 3 and 4 decode it alike
 * (nlmsvc_decode_reboot, nlm4svc_decode_reboot). Stateless, thread-safe.
 */
public final class NlmNotify {
    /** Of the cookie, SM_PRIV_SIZE. */
    public static final int PRIV_SIZE = 16;

    /** SM_MAXSTRLEN: of a longer name the kernel takes nothing. */
    private static final int MAX_NAME = 1024;

    private NlmNotify() {}

    /**
     * Tells lockd of the calling thread's network namespace. It answers the same for a cookie that it does not know, and
     * does nothing then.
     *
     * @param version of the NLM program, as lockd has asked statd for it
     * @param procedure likewise; 16 in all versions of Linux
     * @param host as lockd named it to statd
     * @param state the host's NSM state number; lockd does nothing where it is the one that it was told last, or 0 at first
     * @param priv the cookie by which lockd finds the host, {@link #PRIV_SIZE} bytes
     * @throws IOException lockd has no port, does not answer within 5 s, or does not accept the call
     */
    public static void hostRebooted(int version, int procedure, String host, int state, byte[] priv) throws IOException {
        int port = RpcClient.port(RpcClient.LOCKD, version);
        if (port <= 0) {
            throw new IOException("rpcbind knows no port of lockd");
        }
        RpcClient.call(port, RpcClient.LOCKD, version, procedure, arguments(host, state, priv), true);
    }

    /** struct nlm_reboot in words of 32 bits: {@code string mon<1024>; int state; opaque priv[16]}, the last without a length. */
    static int[] arguments(String host, int state, byte[] priv) {
        byte[] name = host.getBytes(StandardCharsets.UTF_8);
        if (name.length > MAX_NAME || priv.length != PRIV_SIZE) {
            throw new IllegalArgumentException("a name of " + name.length + " and a cookie of " + priv.length + " bytes");
        }
        byte[] padded = Arrays.copyOf(name, (name.length + Integer.BYTES - 1) / Integer.BYTES * Integer.BYTES);
        ByteBuffer bytes = ByteBuffer.allocate(2 * Integer.BYTES + padded.length + PRIV_SIZE);
        bytes.putInt(name.length).put(padded).putInt(state).put(priv).flip();
        int[] words = new int[bytes.remaining() / Integer.BYTES];
        bytes.asIntBuffer().get(words);
        return words;
    }
}
