// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.gracekeeper.sys.SocketAddresses.natively;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Messages of rtnetlink(7), for what clients wait for: a program that is started to send one takes many times as long.
 * Structures and constants as in linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h.
 */
final class RouteMessages {
    private static final int HEADER = 16;
    private static final int IFINFOMSG = 16;
    private static final int IFADDRMSG = 8;
    private static final int ATTRIBUTE = 4;
    private static final short NLMSG_ERROR = 2;
    private static final short RTM_DELLINK = 17;
    private static final short RTM_NEWADDR = 20;
    private static final short NLM_F_REQUEST = 1;
    private static final short NLM_F_ACK = 4;
    private static final short NLM_F_EXCL = 0x200;
    private static final short NLM_F_CREATE = 0x400;
    private static final byte IFA_F_NODAD = 2;
    private static final byte RT_SCOPE_UNIVERSE = 0;
    private static final short IFA_ADDRESS = 1;
    private static final short IFA_LOCAL = 2;

    private RouteMessages() {
    }

    static byte[] deleteLink(int index) {
        ByteBuffer message = header(IFINFOMSG, RTM_DELLINK, NLM_F_ACK);
        message.putInt(HEADER + 4, index);
        return message.array();
    }

    static byte[] newAddress(int index, InetAddress address, int prefix) {
        byte[] bytes = address.getAddress();
        ByteBuffer message = header(IFADDRMSG + 2 * (ATTRIBUTE + bytes.length), RTM_NEWADDR,
                (short) (NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL));
        message.put((byte) SocketAddresses.family(address)).put((byte) prefix);
        message.put(address instanceof Inet6Address ? IFA_F_NODAD : 0).put(RT_SCOPE_UNIVERSE).putInt(index);
        for (short type : new short[] {IFA_LOCAL, IFA_ADDRESS}) {
            message.putShort((short) (ATTRIBUTE + bytes.length)).putShort(type).put(bytes);
        }
        return message.array();
    }

    /** What the kernel answered: 0 when it has done it. Anything else than an answer is EBADMSG. */
    static int errno(byte[] answer) {
        ByteBuffer message = ByteBuffer.wrap(answer).order(ByteOrder.nativeOrder());
        return answer.length >= HEADER + 4 && message.getShort(4) == NLMSG_ERROR ? -message.getInt(HEADER) : Errno.EBADMSG;
    }

    private static ByteBuffer header(int payload, short type, short flags) {
        ByteBuffer message = natively(HEADER + payload);
        return message.putInt(HEADER + payload).putShort(type).putShort((short) (NLM_F_REQUEST | flags)).putInt(0).putInt(0);
    }
}
