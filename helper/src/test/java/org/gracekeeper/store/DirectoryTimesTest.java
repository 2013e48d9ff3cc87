// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectoryTimesTest {
    @TempDir
    private Path dir;

    private interface Change {
        void make() throws Exception;
    }

    /** The file system's clock has to go on. */
    private void shows(Change change) throws Exception {
        DirectoryTimes before = DirectoryTimes.of(dir);
        Thread.sleep(30);
        change.make();
        assertNotEquals(before, DirectoryTimes.of(dir));
    }

    /** All that statd does with a record that is there, and with one that is not. */
    @Test
    void entriesThatComeGoAndAreReplacedShow() throws Exception {
        Path record = dir.resolve("192.0.2.7");
        Path fresh = dir.resolve("192.0.2.7.new");
        shows(() -> Files.createFile(record));
        DirectoryTimes before = DirectoryTimes.of(dir);
        Files.writeString(record, "x");
        assertEquals(before, DirectoryTimes.of(dir), "which is why damaged records are looked at again");
        Files.writeString(fresh, "y");
        shows(() -> Files.move(fresh, record, StandardCopyOption.ATOMIC_MOVE));
        shows(() -> Files.delete(record));
    }

    @Test
    void itIsSettledWhenAnotherChangeWouldHaveAnotherTime() throws Exception {
        DirectoryTimes times = DirectoryTimes.of(dir);
        Instant changed = times.changed().toInstant();
        assertFalse(times.settled(changed));
        assertFalse(times.settled(changed.plusSeconds(2)), "with steps of a second");
        assertTrue(times.settled(changed.plusSeconds(4)));
        assertFalse(times.settled(changed.minusSeconds(3600)), "somebody has set the clock back");
        Files.setLastModifiedTime(dir, FileTime.from(changed.minusSeconds(100)));
        DirectoryTimes set = DirectoryTimes.of(dir);
        assertFalse(set.settled(set.changed().toInstant().plusSeconds(2)), "whatever a time was set to");
    }

    @Test
    void oneThatIsNotThereComes() throws Exception {
        Path later = dir.resolve("later");
        DirectoryTimes none = DirectoryTimes.of(later);
        assertTrue(none.settled(Instant.now()));
        Files.createDirectory(later);
        assertNotEquals(none, DirectoryTimes.of(later));
    }
}
