// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.SocketCalls;

/**
 * Wakes clients after a move. A client whose server vanished waits for TCP's next retransmission, up to many seconds.
 * An
 * ACK with a nonsensical sequence number from the service's address makes it answer with an ACK of its own (RFC 9293,
 * 3.10.7.4); the new server does not know the connection and resets it (3.10.7.1); the client connects anew at once.
 * A connection that still lives is not harmed. Thread-safe.
 */
public final class Tickle {
    private static final int HEADER = 20;
    private static final byte DATA_OFFSET = (byte) (HEADER / 4 << 4);
    private static final byte ACK = 0x10;
    private static final short WINDOW = 1024;
    private static final int CHECKSUM_AT = 16;

    private final Kernel kernel;

    public Tickle(Kernel kernel) {
        this.kernel = kernel;
    }

    /**
     * What became of the packets.
     *
     * @param sent     how many went out
     * @param failures why others did not, e.g. no route to the client
     */
    public record Result(int sent, List<KernelException> failures) {
    }

    /**
     * Sends one packet to each peer. The calling thread must be in the service's net namespace, the addresses and the
     * link must be up. A failure does not keep the others from their packet.
     */
    public Result send(Collection<TcpPeer> peers) {
        List<KernelException> failures = new ArrayList<>();
        int sent = 0;
        for (TcpPeer peer : peers) {
            try {
                send(peer);
                sent++;
            } catch (KernelException e) {
                failures.add(e);
            }
        }
        return new Result(sent, failures);
    }

    private void send(TcpPeer peer) throws KernelException {
        int fd = kernel.rawSocket(peer.local(), SocketCalls.IPPROTO_TCP);
        try {
            kernel.sendTo(fd, peer.remote(), packet(peer));
        } finally {
            kernel.close(fd);
        }
    }

    static byte[] packet(TcpPeer peer) {
        InetAddress source = peer.local();
        ByteBuffer tcp = ByteBuffer.allocate(HEADER);
        tcp.putShort((short) peer.localPort()).putShort((short) peer.remotePort());
        tcp.putInt(0).putInt(0); // sequence and acknowledgement numbers
        tcp.put(DATA_OFFSET).put(ACK).putShort(WINDOW);
        tcp.putShort(CHECKSUM_AT,
                Checksum.of(source, peer.remote(), SocketCalls.IPPROTO_TCP, tcp.array()));
        return tcp.array();
    }
}
