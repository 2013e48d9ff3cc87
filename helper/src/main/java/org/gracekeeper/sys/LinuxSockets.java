// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.gracekeeper.sys.NativeCalls.check;
import static org.gracekeeper.sys.SocketAddresses.natively;

import com.sun.jna.LastErrorException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;

/** {@link SocketCalls} through libc. Constants as in sys/socket.h, linux/if_packet.h, linux/sockios.h. */
final class LinuxSockets implements SocketCalls {
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_REUSEADDR = 2;
    private static final int IPPROTO_IPV6 = 41;
    private static final int IPV6_V6ONLY = 26;
    private static final int SOL_PACKET = 263;
    private static final int PACKET_ADD_MEMBERSHIP = 1;
    private static final short PACKET_MR_MULTICAST = 0;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final short POLLIN = 1;
    private static final long SIOCGIFHWADDR = 0x8927;
    private static final long SIOCGIFFLAGS = 0x8913;
    private static final long SIOCSIFFLAGS = 0x8914;
    private static final int IFF_UP = 1;
    private static final long SIOCGIFINDEX = 0x8933;
    private static final long SIOCGIFADDR = 0x8915;
    private static final int IFREQ_SIZE = 40;
    private static final int IFNAMSIZ = 16;
    private static final int MAC_LENGTH = 6;
    private static final short ARPHRD_ETHER = 1;
    private static final int BACKLOG = 64;
    private static final int NETLINK_ROUTE = 0;
    /** Bytes: the header, an errno, and the message that it is about. */
    private static final int ANSWER_SIZE = 1024;
    private static final Duration NETLINK_PATIENCE = Duration.ofSeconds(10);

    private final Libc libc;
    private final String notifySocket;

    LinuxSockets(Libc libc, String notifySocket) {
        this.libc = libc;
        this.notifySocket = notifySocket;
    }

    @Override
    public int listenTcp(InetAddress any, int port) throws KernelException {
        String object = any.getHostAddress() + " port " + port;
        int fd = socket(SocketAddresses.family(any), SOCK_STREAM, 0, object);
        return closingOnFailure(fd, () -> {
            setOption(fd, SOL_SOCKET, SO_REUSEADDR, object);
            if (any instanceof Inet6Address) {
                setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, object);
            }
            bind(fd, SocketAddresses.inet(any, port), object);
            check("listen", object, () -> libc.listen(fd, BACKLOG));
        });
    }

    @Override
    public int rawSocket(InetAddress source, int protocol) throws KernelException {
        String object = source.getHostAddress() + " protocol " + protocol;
        int fd = socket(SocketAddresses.family(source), SOCK_RAW, protocol, object);
        return closingOnFailure(fd, () -> bind(fd, SocketAddresses.inet(source, 0), object));
    }

    @Override
    public void sendTo(int fd, InetAddress target, byte[] packet) throws KernelException {
        send(fd, packet, SocketAddresses.inet(target, 0), target.getHostAddress());
    }

    @Override
    public int packetSocket(String device, int etherType) throws KernelException {
        int index = interfaceIndex(device);
        // Protocol 0 first: bound to no device, it would otherwise collect frames of all devices meanwhile.
        int fd = socket(SocketAddresses.AF_PACKET, SOCK_RAW, 0, device);
        return closingOnFailure(fd, () -> bind(fd, SocketAddresses.linkLayer(index, etherType), device));
    }

    @Override
    public void joinMulticast(int fd, String device, byte[] mac) throws KernelException {
        ByteBuffer mreq = natively(16).putInt(interfaceIndex(device)).putShort(PACKET_MR_MULTICAST);
        mreq.putShort((short) mac.length).put(mac);
        check("setsockopt PACKET_ADD_MEMBERSHIP", device,
                () -> libc.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, mreq.array(), mreq.capacity()));
    }

    @Override
    public void sendFrame(int fd, byte[] frame) throws KernelException {
        send(fd, frame, null, "frame");
    }

    @Override
    public Optional<byte[]> receive(int fd, int max, Duration timeout) throws KernelException {
        byte[] pollfd = natively(8).putInt(fd).putShort(POLLIN).array();
        try {
            long millis = Math.max(0, Math.min(timeout.toMillis(), Integer.MAX_VALUE));
            if (check("poll", "fd " + fd, () -> libc.poll(pollfd, 1, (int) millis)) == 0) {
                return Optional.empty();
            }
            byte[] buffer = new byte[max];
            int count = (int) check("recv", "fd " + fd, () -> libc.recv(fd, buffer, max, MSG_DONTWAIT));
            return Optional.of(Arrays.copyOf(buffer, count));
        } catch (KernelException e) {
            if (e.errno() == Errno.EAGAIN || e.errno() == Errno.EINTR) {
                return Optional.empty();
            }
            throw e;
        }
    }

    @Override
    public boolean isUp(String device) throws KernelException {
        return (flags(interfaceRequest("ioctl SIOCGIFFLAGS", SIOCGIFFLAGS, device)) & IFF_UP) != 0;
    }

    @Override
    public void setUp(String device, boolean up) throws KernelException {
        byte[] ifreq = interfaceRequest("ioctl SIOCGIFFLAGS", SIOCGIFFLAGS, device);
        int flags = up ? flags(ifreq) | IFF_UP : flags(ifreq) & ~IFF_UP;
        ByteBuffer.wrap(ifreq).order(ByteOrder.nativeOrder()).putShort(IFNAMSIZ, (short) flags);
        interfaceRequest("ioctl SIOCSIFFLAGS", SIOCSIFFLAGS, device, ifreq);
    }

    private static short flags(byte[] ifreq) {
        return ByteBuffer.wrap(ifreq).order(ByteOrder.nativeOrder()).getShort(IFNAMSIZ);
    }

    @Override
    public void addAddress(String device, InetAddress address, int prefix) throws KernelException {
        change("netlink RTM_NEWADDR", device + " " + address.getHostAddress() + "/" + prefix,
                RouteMessages.newAddress(interfaceIndex(device), address, prefix));
    }

    @Override
    public void removeDevice(String device) throws KernelException {
        change("netlink RTM_DELLINK", device, RouteMessages.deleteLink(interfaceIndex(device)));
    }

    /** The kernel has done it, and answered, when the message is sent (net/core/rtnetlink.c, rtnetlink_rcv_msg). */
    private void change(String call, String object, byte[] message) throws KernelException {
        int fd = socket(SocketAddresses.AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, object);
        try {
            send(fd, message, null, object);
            byte[] answer = receive(fd, ANSWER_SIZE, NETLINK_PATIENCE)
                    .orElseThrow(() -> KernelException.of(call, object, Errno.ETIMEDOUT));
            int errno = RouteMessages.errno(answer);
            if (errno != 0) {
                throw KernelException.of(call, object, errno);
            }
        } finally {
            close(fd);
        }
    }

    @Override
    public byte[] hardwareAddress(String device) throws KernelException {
        byte[] answer = interfaceRequest("ioctl SIOCGIFHWADDR", SIOCGIFHWADDR, device);
        short type = ByteBuffer.wrap(answer).order(ByteOrder.nativeOrder()).getShort(IFNAMSIZ);
        if (type != ARPHRD_ETHER) {
            throw KernelException.of("ioctl SIOCGIFHWADDR", device, Errno.EOPNOTSUPP);
        }
        return Arrays.copyOfRange(answer, IFNAMSIZ + 2, IFNAMSIZ + 2 + MAC_LENGTH);
    }

    @Override
    public void sdNotify(String state) throws KernelException {
        if (notifySocket == null || !notifySocket.startsWith("/") && !notifySocket.startsWith("@")) {
            return;
        }
        byte[] address = SocketAddresses.unix(notifySocket);
        int fd = socket(SocketAddresses.AF_UNIX, SOCK_DGRAM, 0, notifySocket);
        try {
            send(fd, state.getBytes(StandardCharsets.UTF_8), address, notifySocket);
        } finally {
            close(fd);
        }
    }

    @Override
    public void close(int fd) {
        try {
            libc.close(fd);
        } catch (LastErrorException ignored) {
            // Linux has released the descriptor all the same.
        }
    }

    @Override
    public int interfaceIndex(String device) throws KernelException {
        byte[] answer = interfaceRequest("ioctl SIOCGIFINDEX", SIOCGIFINDEX, device);
        return ByteBuffer.wrap(answer).order(ByteOrder.nativeOrder()).getInt(IFNAMSIZ);
    }

    @Override
    public boolean hasIpv4Address(String device) throws KernelException {
        String call = "ioctl SIOCGIFADDR";
        try {
            // Of a socket of IPv4: the others do not know it (net/ipv4/af_inet.c, inet_ioctl).
            interfaceRequest(call, SIOCGIFADDR, device, ifreq(call, device), SocketAddresses.AF_INET);
            return true;
        } catch (KernelException e) {
            if (e.errno() == Errno.EADDRNOTAVAIL) {
                return false;
            }
            throw e;
        }
    }

    private byte[] interfaceRequest(String call, long request, String device) throws KernelException {
        return interfaceRequest(call, request, device, ifreq(call, device));
    }

    private static byte[] ifreq(String call, String device) throws KernelException {
        byte[] name = device.getBytes(StandardCharsets.UTF_8);
        if (name.length >= IFNAMSIZ) {
            throw KernelException.of(call, device, Errno.ENODEV);
        }
        return Arrays.copyOf(name, IFREQ_SIZE);
    }

    private byte[] interfaceRequest(String call, long request, String device, byte[] ifreq) throws KernelException {
        return interfaceRequest(call, request, device, ifreq, SocketAddresses.AF_UNIX);
    }

    private byte[] interfaceRequest(String call, long request, String device, byte[] ifreq, int family) throws KernelException {
        int fd = socket(family, SOCK_DGRAM, 0, device);
        try {
            check(call, device, () -> libc.ioctl(fd, request, ifreq));
            return ifreq;
        } finally {
            close(fd);
        }
    }

    private int socket(int family, int type, int protocol, String object) throws KernelException {
        return (int) check("socket", object, () -> libc.socket(family, type | SOCK_CLOEXEC, protocol));
    }

    private void bind(int fd, byte[] address, String object) throws KernelException {
        check("bind", object, () -> libc.bind(fd, address, address.length));
    }

    private void setOption(int fd, int level, int name, String object) throws KernelException {
        byte[] one = natively(4).putInt(1).array();
        check("setsockopt", object, () -> libc.setsockopt(fd, level, name, one, one.length));
    }

    private void send(int fd, byte[] data, byte[] address, String object) throws KernelException {
        check("sendto", object, () -> libc.sendto(fd, data, data.length, MSG_NOSIGNAL, address,
                address == null ? 0 : address.length));
    }

    private int closingOnFailure(int fd, Setup setup) throws KernelException {
        try {
            setup.run();
            return fd;
        } catch (KernelException e) {
            close(fd);
            throw e;
        }
    }

    private interface Setup {
        void run() throws KernelException;
    }
}
