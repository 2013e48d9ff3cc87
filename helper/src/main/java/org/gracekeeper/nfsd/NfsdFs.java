// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.NfsVersion;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * One nfsd instance through its mounted nfsd file system (fs/nfsd/nfsctl.c). The mount decides which instance, not the
 * calling thread, with three exceptions: {@link #setThreads} takes the calling thread's nodename for the server's
 * scope,
 * {@link #addListener} takes its descriptor, {@link #unlockFilesystem} resolves the path in its mount namespace.
 * Thread-safe; a hanging start or stop of any instance on the node blocks all calls (nfsd_mutex is global).
 */
public final class NfsdFs {
    private static final int MAX = 1 << 16;
    private static final int MAX_STATES = 1 << 28;

    private final Kernel kernel;
    private final Path root;

    /** @param root where the nfsd file system is mounted, usually /proc/fs/nfsd */
    public NfsdFs(Kernel kernel, Path root) {
        this.kernel = kernel;
        this.root = root;
    }

    /** Running threads; 0 when the server is stopped. */
    public int threads() throws IOException {
        return number("threads");
    }

    /** Whether it has threads. Where the nfsd file system is not mounted there is no server. */
    public boolean runs() throws IOException {
        try {
            return threads() > 0;
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT) {
                return false;
            }
            throw e;
        }
    }

    /**
     * Starts, resizes or stops the server. Stopping a stopped server writes nothing: on 6.12 that would start it first,
     * with sockets on all addresses. The calling thread must have the service's nodename at every change, not only the
     * first: nfsd_svc() reads it again.
     */
    public void setThreads(int count) throws IOException {
        if (count == 0 && threads() == 0) {
            return;
        }
        write("threads", Integer.toString(count));
    }

    /** The versions nfsd would serve or serves. */
    public Set<NfsVersion> versions() throws IOException {
        return Arrays.stream(text("versions").trim().split(" +")).filter(word -> word.startsWith("+"))
                .map(word -> NfsVersion.parse(word.substring(1))).flatMap(Optional::stream)
                .collect(Collectors.toSet());
    }

    /**
     * Serves exactly these versions. Must come before the first listener, after which the kernel answers EBUSY. An
     * empty
     * set is refused, as the kernel would take it for all.
     */
    public void setVersions(Set<NfsVersion> on) throws IOException {
        if (on.isEmpty()) {
            throw new IllegalArgumentException("no version to serve");
        }
        // What is on comes first: clearing the last minor version would clear version 4 as a whole.
        String line = Stream.concat(
                Arrays.stream(NfsVersion.values()).filter(on::contains).map(v -> "+" + v),
                Stream.concat(Stream.of("-2"),
                        Arrays.stream(NfsVersion.values()).filter(v -> !on.contains(v)).map(v -> "-" + v)))
                .collect(Collectors.joining(" "));
        write("versions", line);
    }

    /** @param seconds 10 to 3600; before the first listener */
    public void setLeaseTime(int seconds) throws IOException {
        write("nfsv4leasetime", Integer.toString(seconds));
    }

    /** NFSv4's grace period. It must not be shorter than lockd's: a lock could be stolen. */
    public void setGraceTime(int seconds) throws IOException {
        write("nfsv4gracetime", Integer.toString(seconds));
    }

    /** Seconds. */
    public int leaseTime() throws IOException {
        return number("nfsv4leasetime");
    }

    /** Seconds. */
    public int graceTime() throws IOException {
        return number("nfsv4gracetime");
    }

    /** Hands a socket over; it must belong to the instance's net namespace. The descriptor may be closed afterwards. */
    public void addListener(int fd) throws IOException {
        write("portlist", Integer.toString(fd));
    }

    /** Whether NFSv4's grace is over. Says nothing about lockd; before the first start it is false. */
    public boolean v4GraceEnded() throws IOException {
        return isYes("v4_end_grace", text("v4_end_grace"));
    }

    /**
     * Ends NFSv4's grace. The kernel does it later, from its laundromat: {@link #v4GraceEnded} tells when.
     *
     * @throws KernelException EBUSY when the grace has not ended and cannot be: the server is stopped, or it runs
     * without
     *                         nfsdcld, and then the period can only run out
     */
    public void endV4Grace() throws IOException {
        try {
            write("v4_end_grace", "Y");
        } catch (KernelException e) {
            if (e.errno() != Errno.EBUSY) {
                throw e;
            }
            if (!v4GraceEnded()) {
                throw e.withRemedy("nfsd is stopped or found no nfsdcld when it started; see the kernel log");
            }
        }
    }

    /**
     * Drops NLM locks taken through one server address, node-wide. Success proves nothing: many kernels match no address at
     * all (6.1.176 and 6.12.107; 6.1.192 and 6.12.117 do).
     *
     * @throws KernelException the kernel refuses it, as those tried do with every IPv6 address (EINVAL)
     */
    public void unlockIp(InetAddress address) throws IOException {
        write("unlock_ip", address.getHostAddress());
    }

    /**
     * Drops NLM locks of a file system, node-wide; since 6.9 revokes its NFSv4 state too, which clients do not survive.
     */
    public void unlockFilesystem(Path anyPathOnIt) throws IOException {
        write("unlock_filesystem", quoted(anyPathOnIt.toString()));
    }

    /**
     * Makes the instance's server, which is to have none, and drops it. Before 6.14 that sets to zero what the sessions of all
     * instances of the node take of memory (fs/nfsd/nfssvc.c, nfsd_create_serv and set_max_drc): each write to this file makes the
     * server that is missing, and without a descriptor it stays without a socket. Unregisters nfsd from the rpcbind that can be reached.
     */
    public void makeAndDropServer() throws IOException {
        try {
            write("portlist", Integer.toString(Integer.MAX_VALUE));
        } catch (KernelException e) {
            if (e.errno() != Errno.EBADF) {
                throw e;
            }
        }
    }

    /** The kernel's numbers of all NFSv4 clients the instance knows: none is used again. Cheap; none, too, where it cannot be read. */
    public Set<String> clientNumbers() {
        String[] numbers = root.resolve("clients").toFile().list();
        return numbers == null ? Set.of() : Set.of(numbers);
    }

    /** All NFSv4 clients the instance knows; one that goes away meanwhile is left out. */
    public List<Nfs4Client> clients() throws IOException {
        List<Nfs4Client> clients = new ArrayList<>();
        for (Path directory : clientDirectories()) {
            try {
                String info = decode(kernel.read(directory.resolve("info"), MAX));
                String states = decode(kernel.read(directory.resolve("states"), MAX_STATES));
                clients.add(ClientInfo.parse(directory.getFileName().toString(), info, states));
            } catch (KernelException e) {
                if (!gone(e)) {
                    throw e;
                }
            }
        }
        return clients;
    }

    /**
     * Forgets a client and all its state; one that is gone already is fine. When this returns its state is gone, its locks
     * are free, and the kernel has had nfsdcld remove its record, if it had had it made (fs/nfsd/nfs4state.c of 6.1 and
     * 6.12: client_ctl_write, force_expire_client, expire_client; one that somebody else is just ending is waited for).
     * Waits without a bound for the client's requests in progress: to be called with a deadline, on a thread that may be
     * left behind.
     *
     * @throws KernelException the kernel refuses it
     */
    public void expireClient(Nfs4Client client) throws IOException {
        try {
            write("clients/" + client.number() + "/ctl", "expire");
        } catch (KernelException e) {
            if (!gone(e)) {
                throw e;
            }
        }
    }

    /** The escapes that qword_get() in net/sunrpc/cache.c undoes. */
    static String quoted(String path) {
        return path.chars()
                .mapToObj(c -> c == ' ' || c == '\t' || c == '\n' || c == '\\'
                        ? String.format("\\%03o", c) : String.valueOf((char) c))
                .collect(Collectors.joining());
    }

    /** lockd appends a NUL to its answer; nfsd does not. */
    static boolean isYes(String source, String text) throws UnexpectedFormatException {
        if (text.startsWith("Y")) {
            return true;
        }
        if (text.startsWith("N")) {
            return false;
        }
        throw new UnexpectedFormatException(source, text);
    }

    static int parseNumber(String source, String text) throws UnexpectedFormatException {
        try {
            return Integer.parseInt(text.trim());
        } catch (NumberFormatException e) {
            throw new UnexpectedFormatException(source, text);
        }
    }

    private List<Path> clientDirectories() throws IOException {
        try (Stream<Path> list = Files.list(root.resolve("clients"))) {
            return list.sorted().toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }

    private static boolean gone(KernelException e) {
        return e.errno() == Errno.ENOENT || e.errno() == Errno.ENXIO;
    }

    private static String decode(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private int number(String file) throws IOException {
        return parseNumber(root.resolve(file).toString(), text(file));
    }

    private String text(String file) throws IOException {
        return decode(kernel.read(root.resolve(file), MAX));
    }

    private void write(String file, String value) throws IOException {
        kernel.writeOnce(root.resolve(file), (value + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
