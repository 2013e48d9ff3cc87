// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.gracekeeper.sys.NativeCalls.cString;
import static org.gracekeeper.sys.NativeCalls.check;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** The running kernel, through libc. */
public final class LinuxKernel implements Kernel {
    private static final int STATFS_SIZE = 120;
    private static final int STATFS_BSIZE = 8;
    private static final int STATFS_BAVAIL = 32;
    private static final int STATFS_FLAGS = 80;
    private static final int ST_RDONLY = 1;
    private static final int CHUNK = 1 << 16;

    private final Libc libc;
    private final LinuxSockets sockets;

    LinuxKernel(Libc libc, String notifySocket) {
        this.libc = libc;
        this.sockets = new LinuxSockets(libc, notifySocket);
    }

    /**
     * Loads libc. To be called from a thread in the process's own namespaces, because JNA starts a thread for good.
     *
     * @throws UnsatisfiedLinkError when there is no glibc or JNA's native part cannot be loaded
     */
    public static Kernel load() {
        if (Native.POINTER_SIZE != 8 || Native.LONG_SIZE != 8) {
            throw new UnsatisfiedLinkError("64-bit Linux is required");
        }
        return new LinuxKernel(new Libc(), System.getenv("NOTIFY_SOCKET"));
    }

    @Override
    public void setns(int fd, NsType type) throws KernelException {
        check("setns", type.procName(), () -> libc.setns(fd, type.flag()));
    }

    @Override
    public void unshare(int flags) throws KernelException {
        check("unshare", "0x" + Integer.toHexString(flags), () -> libc.unshare(flags));
    }

    @Override
    public void sethostname(String name) throws KernelException {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        check("sethostname", name, () -> libc.sethostname(bytes, bytes.length));
    }

    @Override
    public int openRead(Path file) throws KernelException {
        return open(file, Libc.O_RDONLY);
    }

    @Override
    public void close(int fd) {
        try {
            libc.close(fd);
        } catch (LastErrorException ignored) {
            // Linux has released the descriptor; what matters was reported by write or fsync.
        }
    }

    @Override
    public void mount(String source, Path target, String fstype, long flags, String data) throws KernelException {
        check("mount", target,
                () -> libc.mount(cString(source), cString(target), cString(fstype), flags, cString(data)));
    }

    @Override
    public void umount(Path target, int flags) throws KernelException {
        check("umount", target, () -> libc.umount2(cString(target), flags));
    }

    @Override
    public void writeOnce(Path file, byte[] data) throws KernelException {
        int fd = open(file, Libc.O_WRONLY);
        try {
            write(fd, file, data);
        } finally {
            close(fd);
        }
    }

    @Override
    public byte[] read(Path file, int max) throws KernelException {
        int fd = open(file, Libc.O_RDONLY);
        try {
            return readToEnd(fd, file, max);
        } finally {
            close(fd);
        }
    }

    @Override
    public String transact(Path file, byte[] request, int maxReply) throws KernelException {
        int fd = open(file, Libc.O_RDWR);
        try {
            write(fd, file, request);
            return new String(readToEnd(fd, file, maxReply), StandardCharsets.ISO_8859_1);
        } finally {
            close(fd);
        }
    }

    @Override
    public void kill(int pid, int signal) throws KernelException {
        check("kill", pid, () -> libc.kill(pid, signal));
    }

    @Override
    public void setNice(int nice) throws KernelException {
        check("setpriority", nice, () -> libc.setpriority(Libc.PRIO_PGRP, 0, nice));
    }

    @Override
    public void setThreadNice(int nice) throws KernelException {
        check("setpriority", nice, () -> libc.setpriority(Libc.PRIO_PROCESS, 0, nice));
    }

    @Override
    public void chown(Path path, int uid, int gid) throws KernelException {
        check("lchown", path, () -> libc.lchown(cString(path), uid, gid));
    }

    @Override
    public int lock(Path file) throws KernelException {
        int fd = open(file, Libc.O_RDONLY);
        try {
            check("flock", file, () -> libc.flock(fd, Libc.LOCK_EX | Libc.LOCK_NB));
        } catch (KernelException e) {
            close(fd);
            throw e;
        }
        return fd;
    }

    @Override
    public void fsync(Path dirOrFile) throws KernelException {
        int fd = open(dirOrFile, Libc.O_RDONLY);
        try {
            check("fsync", dirOrFile, () -> libc.fsync(fd));
        } finally {
            close(fd);
        }
    }

    @Override
    public void syncfs(Path path) throws KernelException {
        int fd = open(path, Libc.O_RDONLY);
        try {
            check("syncfs", path, () -> libc.syncfs(fd));
        } finally {
            close(fd);
        }
    }

    @Override
    public StatFs statfs(Path path) throws KernelException {
        byte[] buffer = new byte[STATFS_SIZE];
        check("statfs", path, () -> libc.statfs(cString(path), buffer));
        ByteBuffer fields = ByteBuffer.wrap(buffer).order(ByteOrder.nativeOrder());
        return new StatFs(fields.getLong(0), (fields.getLong(STATFS_FLAGS) & ST_RDONLY) != 0,
                fields.getLong(STATFS_BSIZE) * fields.getLong(STATFS_BAVAIL));
    }

    @Override
    public long deviceOf(Path path) throws KernelException {
        try {
            return (Long) Files.getAttribute(path, "unix:dev");
        } catch (NoSuchFileException e) {
            throw KernelException.of("stat", path.toString(), Errno.ENOENT);
        } catch (AccessDeniedException e) {
            throw KernelException.of("stat", path.toString(), Errno.EACCES);
        } catch (IOException e) {
            throw KernelException.of("stat", path.toString(), Errno.EIO);
        }
    }

    @Override
    public int listenTcp(InetAddress any, int port) throws KernelException {
        return sockets.listenTcp(any, port);
    }

    @Override
    public int rawSocket(InetAddress source, int protocol) throws KernelException {
        return sockets.rawSocket(source, protocol);
    }

    @Override
    public void sendTo(int fd, InetAddress target, byte[] packet) throws KernelException {
        sockets.sendTo(fd, target, packet);
    }

    @Override
    public int packetSocket(String device, int etherType) throws KernelException {
        return sockets.packetSocket(device, etherType);
    }

    @Override
    public void joinMulticast(int fd, String device, byte[] mac) throws KernelException {
        sockets.joinMulticast(fd, device, mac);
    }

    @Override
    public void sendFrame(int fd, byte[] frame) throws KernelException {
        sockets.sendFrame(fd, frame);
    }

    @Override
    public Optional<byte[]> receive(int fd, int max, Duration timeout) throws KernelException {
        return sockets.receive(fd, max, timeout);
    }

    @Override
    public int interfaceIndex(String device) throws KernelException {
        return sockets.interfaceIndex(device);
    }

    @Override
    public boolean hasIpv4Address(String device) throws KernelException {
        return sockets.hasIpv4Address(device);
    }

    @Override
    public boolean isUp(String device) throws KernelException {
        return sockets.isUp(device);
    }

    @Override
    public void setUp(String device, boolean up) throws KernelException {
        sockets.setUp(device, up);
    }

    @Override
    public void addAddress(String device, InetAddress address, int prefix) throws KernelException {
        sockets.addAddress(device, address, prefix);
    }

    @Override
    public void removeDevice(String device) throws KernelException {
        sockets.removeDevice(device);
    }

    @Override
    public byte[] hardwareAddress(String device) throws KernelException {
        return sockets.hardwareAddress(device);
    }

    @Override
    public void sdNotify(String state) throws KernelException {
        sockets.sdNotify(state);
    }

    private int open(Path file, int flags) throws KernelException {
        return (int) check("open", file, () -> libc.open(cString(file), flags | Libc.O_CLOEXEC));
    }

    private void write(int fd, Path file, byte[] data) throws KernelException {
        long written = check("write", file, () -> libc.write(fd, data, data.length));
        if (written != data.length) {
            throw KernelException.of("write", file + " (" + written + " of " + data.length + " bytes)", Errno.EIO);
        }
    }

    private byte[] readToEnd(int fd, Path file, int max) throws KernelException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        // JNA copies it there and back.
        byte[] chunk = new byte[Math.min(CHUNK, max)];
        while (true) {
            int count = (int) check("read", file, () -> libc.read(fd, chunk, chunk.length));
            if (count == 0) {
                return all.toByteArray();
            }
            if (all.size() + count > max) {
                throw KernelException.of("read", file + " (more than " + max + " bytes)", Errno.EFBIG);
            }
            all.write(chunk, 0, count);
        }
    }
}
