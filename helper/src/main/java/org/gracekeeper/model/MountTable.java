// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is mounted where, as /proc/PID/mountinfo shows it. Its device is that of the super block, as in /proc/locks, on btrfs
 * too.
 */
public record MountTable(List<Mount> mounts) {
    public MountTable {
        mounts = List.copyOf(mounts);
    }

    /**
     * @param root what of the file system is mounted there: "/" is all of it
     * @param source what is mounted, as mount(8) shows it; may be empty
     */
    public record Mount(DeviceId device, String root, Path point, String type, String source) {
        public boolean isWhole() {
            return root.equals("/");
        }

        @Override
        public String toString() {
            return type + " on " + source;
        }
    }

    /**
     * A directory by where it lies on its file system: a bind mount gives it one more path, but no other place.
     *
     * @param path from the root of the file system on
     */
    public record Place(DeviceId device, String path) {
        /** Whether {@code other} is this directory or lies inside it. */
        public boolean holds(Place other) {
            return device.equals(other.device())
                    && (other.path().equals(path) || other.path().startsWith(path.endsWith("/") ? path : path + "/"));
        }
    }

    /** What is mounted at a path that cannot be named in this program's encoding is left out: nothing of a service's is. */
    public static MountTable parse(String text) throws UnexpectedFormatException {
        List<Mount> mounts = new ArrayList<>();
        for (MountLine line : MountLine.parse(text)) {
            MountLine.Place place = line.place();
            Path point;
            try {
                point = Path.of(place.point());
            } catch (InvalidPathException e) {
                continue;
            }
            mounts.add(new Mount(place.device(), place.root(), point, line.type(), line.source()));
        }
        return new MountTable(mounts);
    }

    /** What is mounted exactly there; of several the last, which covers the others. */
    public Optional<Mount> at(Path point) {
        return mounts.stream().filter(mount -> mount.point().equals(point)).reduce((a, b) -> b);
    }

    /** Where all of that file system is mounted. */
    public Optional<Mount> whole(DeviceId device) {
        return mounts.stream().filter(mount -> mount.device().equals(device) && mount.isWhole()).findFirst();
    }

    /** What an absolute path without symbolic links lies on. */
    public Optional<Mount> of(Path path) {
        for (Path at = path; at != null; at = at.getParent()) {
            Optional<Mount> mount = at(at);
            if (mount.isPresent()) {
                return mount;
            }
        }
        return Optional.empty();
    }

    /** Where an absolute path without symbolic links lies. */
    public Optional<Place> place(Path path) {
        return of(path).map(mount -> {
            String inside = mount.point().relativize(path).toString();
            String separator = inside.isEmpty() || mount.isWhole() ? "" : "/";
            return new Place(mount.device(), mount.root() + separator + inside);
        });
    }

    /** What is mounted inside a directory, at whatever depth; not what is mounted at it. */
    public List<Mount> inside(Path directory) {
        return mounts.stream().filter(mount -> mount.point().startsWith(directory) && !mount.point().equals(directory)).toList();
    }

    /** A name for people: where it is mounted first, or its number where it is not mounted here. */
    public String name(DeviceId device) {
        return mounts.stream().filter(mount -> mount.device().equals(device)).findFirst()
                .map(mount -> mount.point().toString()).orElseGet(device::toString);
    }
}
