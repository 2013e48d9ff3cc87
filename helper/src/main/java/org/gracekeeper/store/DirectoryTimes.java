// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;

/**
 * A directory as it was at a moment, by its inode and times: as long as these are the same, no entry of it was made, replaced or
 * deleted, provided that they were {@link #settled} then. For local file systems. What is written into a file that is there does
 * not show. Immutable.
 *
 * @param inode null where there was no directory, as all else is
 */
public record DirectoryTimes(Object inode, FileTime modified, FileTime changed) {
    /**
     * A file system's clock goes in steps, and two changes within one have the same time: steps of a tick of the kernel, up to
     * 10 ms, on ext4, xfs, btrfs and tmpfs (fs/inode.c, current_time), of a second on ext4 with inodes of 128 bytes.
     */
    private static final Duration STEPS = Duration.ofSeconds(3);

    /** Links are followed. */
    public static DirectoryTimes of(Path directory) throws IOException {
        try {
            Map<String, Object> found = Files.readAttributes(directory, "unix:fileKey,lastModifiedTime,ctime");
            return new DirectoryTimes(found.get("fileKey"), (FileTime) found.get("lastModifiedTime"), (FileTime) found.get("ctime"));
        } catch (NoSuchFileException e) {
            return new DirectoryTimes(null, null, null);
        }
    }

    /**
     * Whether another change would have had another time: the last one is longer ago than a step of the clock.
     *
     * @param now when the times were read, or a moment before
     */
    public boolean settled(Instant now) {
        return inode == null || isBefore(modified, now) && isBefore(changed, now);
    }

    private static boolean isBefore(FileTime time, Instant now) {
        return time.toInstant().plus(STEPS).isBefore(now);
    }
}
