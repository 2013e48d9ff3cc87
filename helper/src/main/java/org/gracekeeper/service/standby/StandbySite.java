// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import org.gracekeeper.service.state.StandbyPlan;

/** What this node has that a standby is made from. Stateless, thread-safe. */
public final class StandbySite {
    /**
     * What the kernel copies from the node's network namespace into a new one (net/ipv4/devinet.c, devinet_init_net;
     * net/ipv4/tcp_ipv4.c, tcp_sk_init), and a file each of what is in directories.
     */
    private static final List<String> TAKEN_OVER =
            List.of("conf/all", "conf/default", "tcp_rmem", "tcp_wmem", "tcp_congestion_control");

    private final Path devices;
    private final Path settings;

    /**
     * @param devices usually /sys/class/net
     * @param settings usually /proc/sys/net/ipv4
     */
    public StandbySite(Path devices, Path settings) {
        this.devices = devices;
        this.settings = settings;
    }

    /** @throws IOException the node has no such device, or it cannot be read */
    StandbyBasis basis(StandbyPlan plan) throws IOException {
        Path parent = devices.resolve(plan.parent());
        if (!Files.exists(parent)) {
            throw new IOException("this node has no network device " + plan.parent());
        }
        return new StandbyBasis(plan, plan.linkType().mode(), number(parent.resolve("ifindex")), number(parent.resolve("mtu")),
                sum());
    }

    private static int number(Path file) throws IOException {
        return Integer.parseInt(Files.readString(file).strip());
    }

    private String sum() throws IOException {
        CRC32 sum = new CRC32();
        for (String name : TAKEN_OVER) {
            for (Path file : files(settings.resolve(name))) {
                sum.update((file + "=" + text(file) + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        return Long.toHexString(sum.getValue());
    }

    private static List<Path> files(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return List.of(path);
        }
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
            entries.forEach(files::add);
        }
        files.sort(null);
        return files;
    }

    /** Another kernel may have others. */
    private static String text(Path file) throws IOException {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            return "";
        }
    }
}
