// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * NFS mounts that the node has of a service of its own. They were made while the service was on another node, as a rule: a
 * device does not reach those that lie on it (ipvlan, macvlan), so here a mount finds nobody, and one that is there hangs for as
 * long as the service stays. Where the way is through a router it works, until memory is short: then the client waits for the
 * server, which waits for memory that the client has. It is no reason to refuse the service to everybody else. Thread-safe.
 *
 * <p>Not for services of the node's own nfsd: their addresses are the node's. A mount of one goes through the loopback and works,
 * and when the service leaves it is a client of the next node as any other. To call that degraded would be a false alarm for as
 * long as the service is here. What such a mount costs is among the limits (docs/limits.md); that lockd goes on under one over
 * NFSv3 is told by the start that needs lockd to restart ({@code ServerRestart}).
 */
public final class OwnMounts {
    private static final int MAX = 4 << 20;
    /** Version, the server's address in hexadecimal, its port, the device (fs/nfs/client.c, nfs_volume_list_show). */
    private static final Pattern VOLUME = Pattern.compile(
            "v[0-9]+ +([0-9a-f]{32}|[0-9a-f]{8}) +[0-9a-f]+ +([0-9]{1,9}:[0-9]{1,9}) .*");

    private final Kernel kernel;
    private final Path volumes;
    private final Path mountinfo;

    /**
     * @param volumes those of the node's NFS client, usually /proc/1/net/nfsfs/volumes; not there where it has none
     * @param mountinfo the node's mounts, usually /proc/1/mountinfo
     */
    public OwnMounts(Kernel kernel, Path volumes, Path mountinfo) {
        this.kernel = kernel;
        this.volumes = volumes;
        this.mountinfo = mountinfo;
    }

    /** Empty when there is none, else what that means. */
    public Optional<String> remark(ServiceConfig config) throws IOException {
        // This is asked for each service every few seconds. Mounts are many, what is mounted by NFS is little or nothing.
        Set<DeviceId> devices = devices(text(volumes),
                config.addresses().stream().map(InetPrefix::address).collect(Collectors.toSet()));
        if (devices.isEmpty()) {
            return Optional.empty();
        }
        List<Path> points = MountTable.parse(text(mountinfo)).mounts().stream()
                .filter(mount -> devices.contains(mount.device())).map(MountTable.Mount::point).toList();
        return Optional.of("this node has it mounted "
                + (points.isEmpty() ? "where its own mount table does not show it (a container, or unmounted while in use)"
                        : "at " + points.stream().map(Path::toString).collect(Collectors.joining(", ")))
                + ": whatever uses that hangs until the service is on another node (or, where a router leads back here, may hang"
                + " when memory is short), and its locks are lost; unmount it here"
                + (points.isEmpty() ? "" : " (umount -f -l " + points.get(0) + ")"));
    }

    /** The file systems of these servers. */
    static Set<DeviceId> devices(String volumes, Set<InetAddress> servers) throws IOException {
        Set<DeviceId> devices = new HashSet<>();
        for (String line : volumes.split("\n")) {
            Matcher m = VOLUME.matcher(line);
            // The first line has the names of the columns.
            if (m.matches() && servers.contains(InetAddress.getByAddress(HexFormat.of().parseHex(m.group(1))))) {
                devices.add(DeviceId.parse(m.group(2)));
            }
        }
        return devices;
    }

    private String text(Path file) throws IOException {
        try {
            return new String(kernel.read(file, MAX), StandardCharsets.UTF_8);
        } catch (KernelException e) {
            if (e.errno() == Errno.ENOENT) {
                return "";
            }
            throw e;
        }
    }
}
