// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.ExportSpec;
import org.gracekeeper.model.ExportsParser;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.ParentDevice;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.sys.StatFs;
import org.gracekeeper.task.Deadline;

/**
 * Checks a configuration against this host and fills in what only the host knows. Changes nothing but that it loads
 * the nfsd module. Thread-safe.
 */
public final class HostResolver {
    /** What every service's start executes. */
    static final List<String> TOOLS = List.of("ip", "nft", "exportfs", "nfsdcld", "rpc.mountd", "unshare", "nsenter");
    /** The same, of one that offers NFSv3. */
    static final List<String> NFS3_TOOLS = List.of("rpcbind", "rpc.statd", "sm-notify");
    /** Of a service that the node's own nfsd serves. */
    private static final List<String> SHARED_TOOLS = List.of("ip", "nft", "exportfs", "rpc.nfsd", "sm-notify");

    private final Node node;
    private final ParentDevice parents;
    private final ExportResolver exports = new ExportResolver(InetAddress::getAllByName);

    public HostResolver(Node node, ParentDevice parents) {
        this.node = node;
        this.parents = parents;
    }

    /** @param held addresses that the node has for this very service */
    RunningService resolve(ServiceConfig config, Deadline deadline, Set<InetAddress> held) throws OcfException, IOException {
        requireTools(config);
        requireModule(deadline);
        long rootDevice = node.kernel().deviceOf(Path.of("/"));
        checkStateDir(config, rootDevice);
        List<PlannedExport> planned = planExports(config);
        MountTable mounts = Mounts.read(node);
        Set<DeviceId> devices = new LinkedHashSet<>();
        for (PlannedExport export : planned) {
            devices.add(checkExport(config, export, rootDevice));
            checkState(config, export, mounts);
            checkMountPoints(export);
        }
        checkCrossed(planned, mounts);
        devices.add(DeviceId.ofDevT(node.kernel().deviceOf(config.stateDir())));
        checkFirewall(config);
        ParentDevice.Parent parent = config.isShared() ? parents.chooseShared(config, held) : parents.choose(config);
        return new RunningService(config, parent.name(), parent.routes(), planned, new ArrayList<>(devices),
                graceTime(config), 0, false, false, false, "");
    }

    /**
     * Never shorter than the lease that clients were given before: one that is idle notices the move only when it renews
     * that.
     */
    private static int graceTime(ServiceConfig config) throws IOException {
        int wanted = Math.max(config.graceTime(), ClaimStore.leaseTime(new StateDirectory(config.stateDir())));
        return config.hasNfsV3() ? Math.min(wanted, ServiceConfig.MAX_GRACE_WITH_NLM) : wanted;
    }

    /** The routes as they are now: a router may have been replaced since the service's start. */
    List<String> routes(RunningService service) throws IOException {
        return parents.routes(service);
    }

    /** The exports as configured now, read again from their file if they are in one. */
    List<PlannedExport> planExports(ServiceConfig config) throws OcfException, IOException {
        return exports.resolve(config.name(), specs(config));
    }

    private static List<ExportSpec> specs(ServiceConfig config) throws OcfException {
        if (!config.exportsAreInFile()) {
            return ExportsParser.parse(config.exports());
        }
        Path file = Path.of(config.exports());
        try {
            return ExportsParser.parse(Files.readString(file));
        } catch (IOException e) {
            throw new OcfException(OcfCode.ARGS, "parameter exports: file " + file + " cannot be read ("
                    + e.getClass().getSimpleName() + "): create it on this node, or give the lines themselves", e);
        }
    }

    private void requireTools(ServiceConfig config) throws OcfException {
        List<String> tools = new ArrayList<>(config.isShared() ? SHARED_TOOLS : TOOLS);
        if (config.hasNfsV3() && !config.isShared()) {
            tools.addAll(NFS3_TOOLS);
        }
        for (String tool : tools) {
            if (!node.hasTool(tool)) {
                throw new OcfException(OcfCode.INSTALLED, "program " + tool + " is missing on this node: install "
                        + packageOf(tool));
            }
        }
        if (!Files.exists(Path.of("/etc/exports"))) {
            throw new OcfException(OcfCode.INSTALLED, "file /etc/exports is missing on this node (an empty one will"
                    + " do): install nfs-kernel-server or nfs-utils");
        }
    }

    private static String packageOf(String tool) {
        return switch (tool) {
            case "ip" -> "iproute2 or iproute";
            case "nft" -> "nftables";
            case "rpcbind" -> "rpcbind";
            case "unshare", "nsenter" -> "util-linux";
            default -> "nfs-kernel-server or nfs-utils";
        };
    }

    private void requireModule(Deadline deadline) throws OcfException, IOException {
        if (hasNfsd()) {
            return;
        }
        // By systemd, since the helper's unit may load no modules. This unit succeeds whether the module is there or not.
        node.run(deadline, "systemctl", "start", "modprobe@nfsd.service");
        if (!hasNfsd()) {
            throw new OcfException(OcfCode.INSTALLED, "kernel module nfsd cannot be loaded: install the modules of the"
                    + " running kernel, or do not forbid nfsd in /etc/modprobe.d; what it said is in the kernel's log");
        }
    }

    /** /proc/fs/nfsd proves nothing: the kernel makes it without the module (fs/proc/root.c, proc_root_init). */
    private boolean hasNfsd() throws IOException {
        String known = new String(node.kernel().read(Path.of("/proc/filesystems"), 1 << 16), StandardCharsets.US_ASCII);
        return known.lines().anyMatch(line -> line.endsWith("\tnfsd"));
    }

    private void checkStateDir(ServiceConfig config, long rootDevice) throws OcfException, IOException {
        Path dir = config.stateDir();
        if (!Files.exists(dir)) {
            throw new OcfException(OcfCode.ARGS, "parameter state_dir: " + dir + " does not exist on this node: is its"
                    + " file system mounted (order the service after it)? Else create the directory there");
        }
        if (!Files.isDirectory(dir)) {
            throw new OcfException(OcfCode.ARGS, "parameter state_dir: " + dir + " is not a directory");
        }
        if (node.kernel().deviceOf(dir) == rootDevice) {
            throw new OcfException(OcfCode.ARGS, "parameter state_dir: " + dir + " is on this node's root file system,"
                    + " so it would not move with the service: is the shared file system mounted?");
        }
        StatFs fs = node.kernel().statfs(dir);
        if (fs.readOnly()) {
            throw new OcfException(OcfCode.ARGS, "parameter state_dir: " + dir + " is on a file system mounted"
                    + " read-only: mount it read-write (was it remounted after an error? see the kernel's log)");
        }
        refuseClusterFs("state_dir", dir, fs);
    }

    private static void checkFirewall(ServiceConfig config) throws OcfException {
        if (config.firewall().isPresent() && !Files.isReadable(config.firewall().get())) {
            throw new OcfException(OcfCode.ARGS, "parameter firewall: file " + config.firewall().get() + " cannot be read:"
                    + " create it on this node, or put it on the file system that moves with the service");
        }
    }

    private DeviceId checkExport(ServiceConfig config, PlannedExport export, long rootDevice)
            throws OcfException, IOException {
        Path path = export.directory();
        if (!Files.isDirectory(path)) {
            throw new OcfException(OcfCode.ARGS, "parameter exports: " + path + (Files.exists(path)
                    ? " is not a directory" : " does not exist on this node: is its file system mounted?"));
        }
        long device = node.kernel().deviceOf(path);
        if (device == rootDevice) {
            throw new OcfException(OcfCode.ARGS, "parameter exports: " + path + " is on this node's root file system,"
                    + " so it would not move with the service: is the shared file system mounted?");
        }
        StatFs fs = node.kernel().statfs(path);
        refuseClusterFs("exports", path, fs);
        if (config.isShared()) {
            refuseUnseen(export, fs);
        }
        return DeviceId.ofDevT(device);
    }

    /** By path, and where it lies: through a bind mount clients would get to it by another path. */
    private static void checkState(ServiceConfig config, PlannedExport export, MountTable mounts)
            throws OcfException, IOException {
        Path path = export.directory();
        Path real = path.toRealPath();
        Path state = config.stateDir().toRealPath();
        if (state.startsWith(real) || Mounts.holds(mounts, real, state)) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter state_dir: " + config.stateDir() + " lies inside the"
                    + " exported directory " + path + ", where clients could read and change it: with one file system"
                    + " for both, export a subdirectory such as " + path.resolve("data"));
        }
        if (Mounts.holds(mounts, state, real)) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter exports: " + path + " lies inside parameter state_dir, "
                    + config.stateDir() + ", of which clients could read and change a part: give the state a directory"
                    + " beside what is exported");
        }
    }

    /** rpc.mountd lets clients wait until something is mounted there, and says so nowhere. */
    private void checkMountPoints(PlannedExport export) throws OcfException, IOException {
        for (Path point : export.mountPoints()) {
            // As it tells a mount point itself (support/misc/mountpoint.c of nfs-utils).
            if (!Files.isDirectory(point)
                    || node.kernel().deviceOf(point) == node.kernel().deviceOf(point.resolve(".."))) {
                throw new OcfException(OcfCode.ARGS, "parameter exports: no file system is mounted at " + point + ", which"
                        + " option \"mp\" of " + export.path() + " asks for: order the service after what mounts it (for a"
                        + " bind mount inside its own file system leave \"mp\" out)");
            }
        }
    }

    /**
     * By crossmnt alone clients would see what is mounted inside, and could use nothing of it: rpc.mountd compares the fsid of a
     * file handle with the export's own, which all have here, and only where there is none with the file system's (match_fsid() in
     * support/export/cache.c of nfs-utils).
     */
    public static void checkCrossed(List<PlannedExport> planned, MountTable mounts) throws OcfException, IOException {
        Set<Path> lines = new HashSet<>();
        for (PlannedExport export : planned) {
            lines.add(export.directory().toRealPath());
        }
        for (PlannedExport export : planned) {
            if (!export.crossesMounts()) {
                continue;
            }
            for (MountTable.Mount mount : mounts.inside(export.directory().toRealPath())) {
                if (!lines.contains(mount.point())) {
                    throw new OcfException(OcfCode.ARGS, "parameter exports: " + mount.point() + ", which is mounted inside "
                            + export.path() + ", needs a line of its own (with nohide for NFSv3): by crossmnt clients would see it,"
                            + " and get \"Stale file handle\"; without crossmnt it is hidden from them");
                }
            }
        }
    }

    /** What is held there could not be told from what others hold, so a stop could neither release nor prove anything. */
    private static void refuseUnseen(PlannedExport export, StatFs fs) throws OcfException {
        boolean below = export.crossesMounts()
                || export.clients().stream().anyMatch(client -> client.options().contains("nohide"));
        if (below || fs.type() == StatFs.BTRFS_SUPER_MAGIC) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter exports: " + export.path() + (below
                    ? " lets clients reach file systems mounted below it (crossmnt, nohide)" : " is on btrfs")
                    + ", which is not possible with instance=node: the kernel does not tell what is held there; use"
                    + " instance=own");
        }
    }

    private static void refuseClusterFs(String parameter, Path path, StatFs fs) throws OcfException {
        if (fs.type() == StatFs.GFS2_MAGIC || fs.type() == StatFs.OCFS2_SUPER_MAGIC) {
            throw new OcfException(OcfCode.ARGS, "parameter " + parameter + ": " + path + " is on a cluster file system:"
                    + " another node could take a lock before its NFS client has reclaimed it; use a file system that"
                    + " one node mounts at a time");
        }
    }
}
