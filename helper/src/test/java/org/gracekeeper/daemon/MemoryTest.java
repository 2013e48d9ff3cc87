// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.jna.Native;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.exec.CommandLine;
import org.gracekeeper.protocol.Request;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The helper as its launcher starts it, with the options that it has there, in a mount namespace of its own. */
class MemoryTest {
    /**
     * Resident, in MB (10^6): some more than it takes here, so that what makes it larger is noticed. What it may have on a node is
     * measured there (tests/bench). Newer Java runtimes are larger themselves.
     */
    private static final double MOST = Runtime.version().feature() == 17 ? 61 : 70;
    /** Code that is still being compiled, and garbage. Of a leak of some 1.3 kB for each request it would be more. */
    private static final double GROWTH = 3;
    private static final Duration LIMIT = Duration.ofSeconds(120);

    @TempDir
    private Path dir;

    private Process helper;
    private Path log;

    /** In place of Java is a program that gives it other jars and directories. */
    @BeforeEach
    void startHelper() throws Exception {
        Root.required();
        ProcessBuilder launcher = TestLauncher.of(dir, """
                #!/bin/sh
                for argument; do
                    shift
                    case $argument in
                        /usr/share/gracekeeper/lib/*) argument=%s ;;
                        -Djna.nounpack=*) argument=-Djna.tmpdir=%s ;;
                    esac
                    set -- "$@" "$argument"
                done
                exec unshare --mount --propagation private sh -c \\
                    'mkdir -p /run/gracekeeper && mount -t tmpfs tmpfs /run/gracekeeper && exec "$@"' sh %s "$@"
                """.formatted(classPath(), dir, Path.of(System.getProperty("java.home"), "bin/java")));
        log = dir.resolve("log");
        launcher.environment().keySet().removeAll(List.of("NOTIFY_SOCKET", "WATCHDOG_USEC", "INVOCATION_ID"));
        launcher.environment().put("JAVA_OPTS", "-Xlog:gc");
        helper = launcher.redirectOutput(log.toFile()).start();
        helper.getOutputStream().close();
        await(() -> Files.exists(socket()) && Files.readString(log).contains("ready on"));
        await(() -> threads().noneMatch("rehearsal"::equals));
    }

    @AfterEach
    void endHelper() throws InterruptedException {
        if (helper != null) {
            helper.destroyForcibly().waitFor();
        }
    }

    private static String classPath() {
        return Stream.of(Main.class, Native.class, CommandLine.class, JsonFactory.class,
                        ObjectMapper.class, JsonProperty.class)
                .map(each -> each.getProtectionDomain().getCodeSource().getLocation().getPath()).collect(Collectors.joining(":"));
    }

    /** Seen from outside of its mount namespace. */
    private Path socket() {
        return Path.of("/proc", Long.toString(helper.pid()), "root/run/gracekeeper/helper.sock");
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private void await(Condition condition) throws IOException, InterruptedException {
        long begin = System.nanoTime();
        while (!condition.holds()) {
            assertTrue(helper.isAlive() && System.nanoTime() - begin < LIMIT.toNanos(), Files.readString(log));
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }

    private Stream<String> threads() throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc", Long.toString(helper.pid()), "task"))) {
            return tasks.map(task -> {
                try {
                    return Files.readString(task.resolve("comm")).strip();
                } catch (IOException e) {
                    return ""; // it has just ended
                }
            }).toList().stream();
        }
    }

    private double resident() throws IOException {
        return Files.readAllLines(Path.of("/proc", Long.toString(helper.pid()), "status")).stream()
                .filter(line -> line.startsWith("VmRSS:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .sum() * 1024 / 1e6;
    }

    private void ask(String... words) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket()));
            String request = Request.MAGIC + "\0" + String.join("\0", words) + "\0";
            channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.UTF_8)));
            channel.shutdownOutput();
            ByteBuffer answer = ByteBuffer.allocate(8192);
            assertTrue(channel.read(answer) > 0, () -> String.join(" ", words) + " was not answered");
        }
    }

    private void rounds(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            // The start fails: there is no such directory. A stop clears what was recorded of it away.
            for (String action : List.of("monitor", "validate-all", "start", "stop")) {
                ask("agent", action, Long.toString(ProcessHandle.current().pid()),
                        "OCF_RESOURCE_INSTANCE=memory-test", "OCF_RESKEY_CRM_meta_timeout=20000",
                        "OCF_RESKEY_ip=192.0.2.10/24", "OCF_RESKEY_state_dir=/srv/memory-test/state",
                        "OCF_RESKEY_exports=/srv/memory-test/data 192.0.2.0/24(rw)");
            }
            ask("cli", "status", "--json");
            ask("cli", "clients");
        }
    }

    /** What the rehearsal has left, at least. */
    @Test
    void collectsGarbageWhenNobodyAsks() throws Exception {
        await(() -> Files.readString(log).contains("Pause Full (System.gc())"));
    }

    @Test
    void staysSmall() throws Exception {
        rounds(200);
        double first = resident();
        rounds(400);
        double last = resident();

        assertTrue(last <= MOST, "the helper has " + last + " MB resident: what has become larger, show"
                + " -XX:NativeMemoryTracking=summary and -Xlog:class+load");
        assertTrue(last - first <= GROWTH, "from " + first + " to " + last + " MB with 2400 requests");
    }
}
