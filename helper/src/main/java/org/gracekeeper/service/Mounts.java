// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.sys.Kernel;

/** What the node has mounted. A service's own mount namespace follows the node's. */
final class Mounts {
    /** The node's. */
    static final Path MOUNTINFO = Path.of("/proc/1/mountinfo");
    /** Those of the calling thread's mount namespace. */
    static final Path OWN_MOUNTINFO = Path.of("/proc/thread-self/mountinfo");
    private static final int MAX = 4 << 20;

    private Mounts() {}

    static MountTable read(Node node) throws IOException {
        return MountTable.parse(text(node.kernel(), MOUNTINFO));
    }

    static String text(Kernel kernel, Path mountinfo) throws IOException {
        return new String(kernel.read(mountinfo, MAX), StandardCharsets.UTF_8);
    }

    /** Whether {@code other} is the directory or lies inside it on the same file system, whatever their paths say. */
    static boolean holds(MountTable mounts, Path directory, Path other) {
        Optional<MountTable.Place> place = mounts.place(directory);
        return place.isPresent() && mounts.place(other).map(place.get()::holds).orElse(false);
    }
}
