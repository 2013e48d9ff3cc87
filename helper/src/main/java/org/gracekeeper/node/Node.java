// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.NamespaceSet;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Deadline;

/**
 * The node the helper runs on: system calls, namespaces and external tools, as layers use them. Thread-safe.
 */
public final class Node {
    private static final Duration TOOL_LIMIT = Duration.ofSeconds(30);

    private final Kernel kernel;
    private final Namespaces namespaces;
    private final Commands commands;

    public Node(Kernel kernel, Commands commands) {
        this.kernel = kernel;
        this.namespaces = new Namespaces(kernel);
        this.commands = commands;
    }

    public Kernel kernel() {
        return kernel;
    }

    public Commands commands() {
        return commands;
    }

    /** Runs {@code work} on a thread inside {@code set}, see {@link Namespaces#call}. */
    public <T> T in(NamespaceSet set, Callable<T> work) throws IOException, InterruptedException {
        return in(set, null, work);
    }

    /** As {@link #in(NamespaceSet, Callable)}, with a nodename of the thread's own. */
    public <T> T in(NamespaceSet set, String nodename, Callable<T> work) throws IOException, InterruptedException {
        return plain(() -> namespaces.call(set, nodename, work));
    }

    /** Runs {@code work} in the host's files and in new namespaces, see {@link Namespaces#callApart}. */
    public <T> T apart(Callable<T> work) throws IOException, InterruptedException {
        return plain(() -> namespaces.callApart(Namespaces.HOST, work));
    }

    private static <T> T plain(Callable<T> call) throws IOException, InterruptedException {
        Bounded.requireAwaited();
        try {
            return call.call();
        } catch (IOException | InterruptedException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /** Runs a tool to success; its failure becomes an exception with what it printed. */
    public CommandResult run(Deadline deadline, String... argv) throws IOException {
        CommandResult result = commands.run(deadline.atMost(TOOL_LIMIT), null, Arrays.asList(argv));
        if (!result.ok()) {
            throw new IOException(result.summary());
        }
        return result;
    }

    public boolean hasTool(String name) {
        return List.of("/usr/sbin", "/usr/bin", "/sbin", "/bin").stream()
                .anyMatch(dir -> Files.isExecutable(Path.of(dir, name)));
    }

    /** Seconds since the node's boot, suspend included; the same for every process, unlike System.nanoTime. */
    public double bootSeconds() throws IOException {
        String text = new String(kernel.read(Path.of("/proc/uptime"), 256), StandardCharsets.US_ASCII);
        return Double.parseDouble(text.substring(0, text.indexOf(' ')));
    }

    /** The kernel's release, e.g. {@code 6.12.117+deb12-cloud-amd64}. */
    public String kernelRelease() throws IOException {
        return new String(kernel.read(Path.of("/proc/sys/kernel/osrelease"), 256), StandardCharsets.US_ASCII).strip();
    }

    /** The kernel's name for this boot: another one after each. */
    public String bootId() throws IOException {
        return new String(kernel.read(Path.of("/proc/sys/kernel/random/boot_id"), 64), StandardCharsets.US_ASCII).strip();
    }

    /** The node's own name, read from the host's UTS namespace. */
    public String hostname() throws IOException {
        return new String(kernel.read(Path.of("/proc/sys/kernel/hostname"), 256), StandardCharsets.US_ASCII).strip();
    }
}
