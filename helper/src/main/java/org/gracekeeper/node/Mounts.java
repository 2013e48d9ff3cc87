// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.sys.Kernel;

/** What the node has mounted. A service's own mount namespace follows the node's. */
public final class Mounts {
    /** The node's. */
    public static final Path MOUNTINFO = Path.of("/proc/1/mountinfo");
    /** Those of the calling thread's mount namespace. */
    public static final Path OWN_MOUNTINFO = Path.of("/proc/thread-self/mountinfo");
    private static final int MAX = 4 << 20;

    private Mounts() {}

    public static MountTable read(Node node) throws IOException {
        return MountTable.parse(text(node.kernel(), MOUNTINFO));
    }

    public static String text(Kernel kernel, Path mountinfo) throws IOException {
        return new String(kernel.read(mountinfo, MAX), StandardCharsets.UTF_8);
    }

    /** Whether {@code other} is the directory or lies inside it on the same file system, whatever their paths say. */
    public static boolean holds(MountTable mounts, Path directory, Path other) {
        Optional<MountTable.Place> place = mounts.place(directory);
        return place.isPresent() && mounts.place(other).map(place.get()::holds).orElse(false);
    }

    /**
     * A directory on each file system that a service exports, to name it to the kernel by, as the calling thread sees it. A path
     * alone is not enough: where somebody has unmounted what was there it is on the file system below, perhaps the node's root. And
     * unlock_filesystem does not follow a symbolic link at its end (fs/nfsd/nfsctl.c, write_unlock_fs).
     *
     * @param mountinfo of the mount namespace that the paths are looked up in
     * @param devices of the service; others are left out
     * @return by the device's number; without those that are not mounted there any more
     */
    public static Map<DeviceId, Path> exported(Kernel kernel, Path mountinfo, List<PlannedExport> exports, List<DeviceId> devices)
            throws IOException {
        MountTable mounts = MountTable.parse(text(kernel, mountinfo));
        Map<DeviceId, Path> places = new LinkedHashMap<>();
        for (PlannedExport export : exports) {
            try {
                Path real = export.directory().toRealPath();
                Optional<DeviceId> device = mounts.of(real).map(MountTable.Mount::device).filter(devices::contains);
                // On btrfs start has recorded the number of the subvolume. Elsewhere none is asked, which may fail on a broken disk.
                DeviceId known = device.isPresent() ? device.get() : DeviceId.ofDevT(kernel.deviceOf(real));
                if (devices.contains(known)) {
                    places.putIfAbsent(known, real);
                }
            } catch (IOException e) {
                continue; // gone
            }
        }
        return places;
    }
}
