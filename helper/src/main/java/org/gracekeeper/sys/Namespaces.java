// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

/**
 * Runs work in other namespaces, on a thread made for it. The other threads of the process notice nothing. Thread-safe.
 *
 * <p>A Java thread's native part outlives {@link Thread#join()} and would keep a mount namespace, and so a device,
 * busy;
 * therefore the thread goes back to the process's own namespaces before it ends. Threads that the work starts would
 * inherit the namespaces and stay there: the work must not start any, nor use pools that may. Commands are the
 * exception, {@code ExecCommands} knows how.
 */
public final class Namespaces {
    /** The host's own namespaces, for work that must be there although the unit may be hardened. */
    public static final NamespaceSet HOST = new NamespaceSet(Path.of("/proc/1/ns/net"), Path.of("/proc/1/ns/mnt"));

    private static final Path OWN = Path.of("/proc/self/ns");
    private static final Duration ABANDON = Duration.ofSeconds(2);

    private final Kernel kernel;

    public Namespaces(Kernel kernel) {
        this.kernel = kernel;
    }

    /**
     * Runs the work and hands back its result or its exception.
     *
     * <p>An interrupt of the caller is passed on to the work. Work that does not end within 2 s of it, because it is
     * stuck in the kernel, is left behind and holds its namespaces until it ends by itself.
     *
     * @param utsName nodename the work shall see and the kernel take from it, in a UTS namespace of its own; null for
     *                the node's own name
     * @throws KernelException      a namespace could not be entered or left; EINVAL of the latter means that the work
     *                              started a thread, which is still inside
     * @throws InterruptedException the caller was interrupted
     */
    public <T> T call(NamespaceSet set, String utsName, Callable<T> work) throws Exception {
        return visit(new Visit<>(elsewhere(set), false, utsName, work),
                "namespaces of " + (set.net() == null ? set.mount() : set.net()));
    }

    /**
     * As {@link #call}, in a new network namespace without any device, and a new mount namespace that is a copy of the one in
     * {@code set}, or of the process's own, and gets what is mounted there later; what is mounted in it is seen nowhere else.
     * Both end with the work.
     */
    public <T> T callApart(NamespaceSet set, Callable<T> work) throws Exception {
        return visit(new Visit<>(elsewhere(set), true, null, work), "new namespaces");
    }

    private static <T> T visit(Visit<T> visit, String name) throws Exception {
        Thread thread = new Thread(visit, name);
        thread.setDaemon(true);
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            thread.interrupt();
            thread.join(ABANDON.toMillis());
            throw e;
        }
        return visit.outcome();
    }

    /**
     * Without the namespaces the process is in already, as a daemon that is not hardened is in the host's. Entering them
     * would be no change, but commands would then be started from this thread, see {@code ExecCommands}, and their
     * helper threads would share its file system context, which a mount namespace cannot be left with.
     */
    private static NamespaceSet elsewhere(NamespaceSet set) throws IOException {
        return new NamespaceSet(isOwn(set.net(), NsType.NET) ? null : set.net(),
                isOwn(set.mount(), NsType.MOUNT) ? null : set.mount());
    }

    private static boolean isOwn(Path file, NsType type) throws IOException {
        return file != null && Files.exists(file) && Files.isSameFile(file, OWN.resolve(type.procName()));
    }

    private final class Visit<T> implements Runnable {
        private final NamespaceSet set;
        private final boolean apart;
        private final String utsName;
        private final Callable<T> work;
        private T result;
        private Throwable failure;

        private Visit(NamespaceSet set, boolean apart, String utsName, Callable<T> work) {
            this.set = set;
            this.apart = apart;
            this.utsName = utsName;
            this.work = work;
        }

        @Override
        public void run() {
            try (WayBack way = new WayBack(set, apart, utsName)) {
                way.enter();
                result = work.call();
            } catch (Throwable e) { // whatever it is, it belongs to the caller
                failure = e;
            }
        }

        private T outcome() throws Exception {
            if (failure instanceof Error error) {
                throw error;
            }
            if (failure != null) {
                throw (Exception) failure;
            }
            return result;
        }
    }

    /** The thread's own namespaces, opened before it leaves: inside, /proc may show others or nothing. */
    private final class WayBack implements AutoCloseable {
        private final NamespaceSet set;
        private final boolean apart;
        private final String utsName;
        private final int net;
        private final int mount;
        private final int uts;
        private final Set<NsType> left = EnumSet.noneOf(NsType.class);

        private WayBack(NamespaceSet set, boolean apart, String utsName) throws KernelException {
            this.set = set;
            this.apart = apart;
            this.utsName = utsName;
            int[] opened = {-1, -1, -1};
            try {
                opened[0] = own(apart || set.net() != null, NsType.NET);
                opened[1] = own(apart || set.mount() != null, NsType.MOUNT);
                opened[2] = own(utsName != null, NsType.UTS);
            } catch (KernelException e) {
                IntStream.of(opened).filter(fd -> fd >= 0).forEach(kernel::close);
                throw e;
            }
            this.net = opened[0];
            this.mount = opened[1];
            this.uts = opened[2];
        }

        private int own(boolean leaving, NsType type) throws KernelException {
            return leaving ? kernel.openRead(OWN.resolve(type.procName())) : -1;
        }

        private void enter() throws KernelException {
            if (utsName != null) {
                kernel.unshare(NamespaceCalls.CLONE_NEWUTS);
                left.add(NsType.UTS);
                kernel.sethostname(utsName);
            }
            if (set.net() != null) {
                kernel.setns(set.net(), NsType.NET);
                left.add(NsType.NET);
            }
            if (set.mount() != null) { // last: the other files need not exist inside
                kernel.unshare(NamespaceCalls.CLONE_FS);
                kernel.setns(set.mount(), NsType.MOUNT);
                left.add(NsType.MOUNT);
            }
            if (apart) {
                kernel.unshare(NamespaceCalls.CLONE_NEWNET | NamespaceCalls.CLONE_NEWNS);
                left.addAll(EnumSet.of(NsType.NET, NsType.MOUNT));
                kernel.mount(null, Path.of("/"), null, MountCalls.MS_REC | MountCalls.MS_SLAVE, null);
            }
        }

        @Override
        public void close() throws KernelException {
            KernelException failed = back(mount, NsType.MOUNT, null);
            failed = back(net, NsType.NET, failed);
            failed = back(uts, NsType.UTS, failed);
            if (failed != null) {
                throw failed;
            }
        }

        private KernelException back(int fd, NsType type, KernelException earlier) {
            if (fd < 0) {
                return earlier;
            }
            try {
                if (left.contains(type)) {
                    kernel.setns(fd, type);
                }
                return earlier;
            } catch (KernelException e) {
                return earlier == null ? e : earlier;
            } finally {
                kernel.close(fd);
            }
        }
    }
}
