// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.gracekeeper.exec.ExecCommands;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** With a real pair of namespaces, held open by a sleeping process. */
class NamespacesTest {
    private final Kernel kernel = LinuxKernel.load();
    private final Namespaces namespaces = new Namespaces(kernel);
    private Process holder;
    private NamespaceSet set;
    private String net;
    private String mount;

    @BeforeEach
    void hold() throws Exception {
        Root.required();
        holder = new ProcessBuilder("unshare", "--net", "--mount", "--propagation", "slave", "--", "sh", "-c",
                "mount -t tmpfs gk-test /mnt && touch /mnt/inside && echo ready && exec sleep 600").start();
        byte[] ready = holder.getInputStream().readNBytes(6);
        assertEquals("ready\n", new String(ready, StandardCharsets.US_ASCII));
        Path ns = Path.of("/proc/" + holder.pid() + "/ns");
        set = new NamespaceSet(ns.resolve("net"), ns.resolve("mnt"));
        net = Files.readSymbolicLink(set.net()).toString();
        mount = Files.readSymbolicLink(set.mount()).toString();
    }

    @AfterEach
    void release() throws Exception {
        if (holder != null) {
            holder.destroyForcibly().waitFor();
        }
    }

    @Test
    void workIsInsideAndNobodyElse() throws Exception {
        String ownNet = link("/proc/self/ns/net");
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch looked = new CountDownLatch(1);
        List<String> meanwhile = new ArrayList<>();
        Thread other = new Thread(() -> {
            try {
                inside.await();
                meanwhile.add(link("/proc/thread-self/ns/net"));
                meanwhile.add(String.valueOf(Files.exists(Path.of("/mnt/inside"))));
            } catch (Exception e) {
                meanwhile.add(e.toString());
            } finally {
                looked.countDown();
            }
        });
        other.start();

        List<String> seen = namespaces.call(set, null, () -> {
            inside.countDown();
            looked.await();
            return List.of(link("/proc/thread-self/ns/net"), link("/proc/thread-self/ns/mnt"),
                    String.valueOf(Files.exists(Path.of("/mnt/inside"))));
        });

        assertEquals(List.of(net, mount, "true"), seen);
        assertEquals(List.of(ownNet, "false"), meanwhile);
        assertEquals(ownNet, link("/proc/thread-self/ns/net"));
    }

    @Test
    void netAloneAndMountAlone() throws Exception {
        assertEquals(net, namespaces.call(new NamespaceSet(set.net(), null), null,
                () -> link("/proc/thread-self/ns/net")));
        assertTrue(namespaces.call(new NamespaceSet(null, set.mount()), null,
                () -> Files.exists(Path.of("/mnt/inside"))));
    }

    @Test
    void theNodenameIsSeenInsideOnly() throws Exception {
        String host = Files.readString(Path.of("/proc/sys/kernel/hostname"));

        String inside = namespaces.call(set, "gk-test-scope",
                () -> Files.readString(Path.of("/proc/sys/kernel/hostname")));

        assertEquals("gk-test-scope\n", inside);
        assertEquals(host, Files.readString(Path.of("/proc/sys/kernel/hostname")));
    }

    /**
     * The namespaces end with their last user: what still holds them after the call, apart from the holder, is a leak.
     */
    @Test
    void nothingHoldsTheNamespacesAfterwards() throws Exception {
        ExecCommands commands = new ExecCommands();
        for (int i = 0; i < 50; i++) {
            namespaces.call(set, "gk-test", () -> {
                commands.run(Duration.ofSeconds(10), "in", List.of("cat"));
                kernel.mount("gk-test", Path.of("/mnt"), "tmpfs", 0, "size=1m");
                kernel.umount(Path.of("/mnt"), 0);
                assertThrows(KernelException.class, () -> kernel.read(Path.of("/no/such/file"), 1));
                return null;
            });
            assertEquals(List.of(), holders(), "after call " + i);
        }
    }

    @Test
    void nothingHoldsTheNamespacesAfterAFailure() throws Exception {
        IOException thrown = new IOException("work failed");

        assertEquals(thrown, assertThrows(IOException.class, () -> namespaces.call(set, "x", () -> {
            throw thrown;
        })));
        assertThrows(StackOverflowError.class, () -> namespaces.call(set, null, () -> {
            throw new StackOverflowError();
        }));

        assertEquals(List.of(), holders());
    }

    @Test
    void aNamespaceThatIsNotThereIsAnError() throws Exception {
        NamespaceSet half = new NamespaceSet(set.net(), Path.of("/run/gracekeeper-test/none"));

        KernelException e = assertThrows(KernelException.class, () -> namespaces.call(half, null, () -> "never"));

        assertEquals(Errno.ENOENT, e.errno());
        assertEquals(List.of(), holders());
    }

    @Test
    void commandsInheritTheCallersNamespaces() throws Exception {
        ExecCommands commands = new ExecCommands();
        String out = namespaces.call(set, "gk-test-uts", () -> commands.run(Duration.ofSeconds(10), null,
                List.of("sh", "-c", "readlink /proc/self/ns/net /proc/self/ns/mnt; hostname; ls /mnt"))).out();

        assertEquals(net + "\n" + mount + "\ngk-test-uts\ninside\n", out);
        String outside = commands.run(Duration.ofSeconds(10), null, List.of("readlink", "/proc/self/ns/net")).out();
        assertNotEquals(net + "\n", outside);
    }

    @Test
    void aThreadThatTheWorkStartedIsNoticed() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Thread[] started = new Thread[1];
        try {
            KernelException e = assertThrows(KernelException.class, () -> namespaces.call(set, null, () -> {
                started[0] = new Thread(() -> {
                    try {
                        end.await();
                    } catch (InterruptedException ignored) {
                        // Ends as it should.
                    }
                });
                started[0].start();
                return null;
            }));
            assertEquals(Errno.EINVAL, e.errno());
        } finally {
            end.countDown();
            started[0].join();
        }
    }

    @Test
    void anInterruptReachesTheWork() throws Exception {
        CountDownLatch working = new CountDownLatch(1);
        CountDownLatch interrupted = new CountDownLatch(1);
        Throwable[] thrown = new Throwable[1];
        Thread caller = new Thread(() -> {
            try {
                namespaces.call(set, null, () -> {
                    working.countDown();
                    try {
                        return new CountDownLatch(1).await(60, TimeUnit.SECONDS);
                    } catch (InterruptedException e) {
                        interrupted.countDown();
                        throw e;
                    }
                });
            } catch (Exception e) {
                thrown[0] = e;
            }
        });
        caller.start();
        assertTrue(working.await(10, TimeUnit.SECONDS));

        caller.interrupt();
        caller.join(10_000);

        assertFalse(caller.isAlive());
        assertEquals(0, interrupted.getCount());
        assertEquals(InterruptedException.class, thrown[0].getClass());
        assertEquals(List.of(), holders());
    }

    @Test
    void theHostsNamespacesAreInits() throws Exception {
        assumeTrue(Files.isReadable(Path.of("/proc/1/ns/net")), "init is out of reach here");
        List<String> seen = namespaces.call(Namespaces.HOST, null,
                () -> List.of(link("/proc/thread-self/ns/net"), link("/proc/thread-self/ns/mnt")));

        assertEquals(List.of(link("/proc/1/ns/net"), link("/proc/1/ns/mnt")), seen);
    }

    private static String link(String path) throws IOException {
        return Files.readSymbolicLink(Path.of(path)).toString();
    }

    /** Threads of this process in the test's namespaces, and its descriptors that refer to them. */
    private List<String> holders() throws IOException {
        List<String> found = new ArrayList<>();
        try (var tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path task : tasks) {
                for (String type : List.of("net", "mnt")) {
                    addIfHeld(task.resolve("ns").resolve(type), task.resolve("comm"), found);
                }
            }
        }
        try (var fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path fd : fds) {
                addIfHeld(fd, fd, found);
            }
        }
        return found;
    }

    private void addIfHeld(Path reference, Path who, List<String> found) {
        try {
            String target = Files.readSymbolicLink(reference).toString();
            if (target.equals(net) || target.equals(mount)) {
                found.add(reference + " " + (Files.isSymbolicLink(who) ? "" : Files.readString(who).trim()));
            }
        } catch (IOException e) {
            // The thread has ended or the descriptor is closed: it holds nothing.
        }
    }
}
