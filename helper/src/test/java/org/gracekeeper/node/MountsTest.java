// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.HostResolver;
import org.gracekeeper.service.release.FakeServers;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file system with another one mounted inside of what is exported of it, and a part of it mounted a second time. */
class MountsTest {
    @TempDir
    private Path dir;

    private Path outer;
    private Path inner;
    private Path bound;
    private MountTable mounts;

    @BeforeEach
    void mount() throws Exception {
        FakeServers fake = new FakeServers(dir);
        outer = fake.mounted("outer", FakeServers.HERE);
        inner = fake.mounted("outer/export/inner", FakeServers.THERE);
        bound = Files.createDirectories(dir.resolve("bound")).toRealPath();
        Files.writeString(dir.resolve("mountinfo"), "31 22 " + FakeServers.HERE + " /state " + bound + " rw - ext4 /dev/outer rw\n",
                StandardOpenOption.APPEND);
        mounts = Mounts.read(fake.node);
    }

    private static PlannedExport export(Path path, String option) {
        return new PlannedExport(path.toString(), "f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3",
                List.of(new PlannedExport.Client("*", List.of(option))));
    }

    @Test
    void aBindMountDoesNotHideWhereADirectoryLies() {
        assertTrue(Mounts.holds(mounts, bound, outer.resolve("state/nfs")));
        assertTrue(Mounts.holds(mounts, outer, bound));
        assertFalse(Mounts.holds(mounts, bound, outer.resolve("export")));
        assertFalse(Mounts.holds(mounts, outer, inner), "another file system");
    }

    @Test
    void whatIsMountedInsideNeedsALineWhereCrossmntWouldShowIt() {
        Path exported = outer.resolve("export");

        OcfException refused = assertThrows(OcfException.class,
                () -> HostResolver.checkCrossed(List.of(export(exported, "crossmnt")), mounts));
        assertEquals(OcfCode.ARGS, refused.code());
        assertTrue(refused.getMessage().contains(inner + ", which is mounted inside " + exported), refused.getMessage());
        assertDoesNotThrow(() -> HostResolver.checkCrossed(List.of(export(exported, "rw")), mounts));
        assertDoesNotThrow(() -> HostResolver.checkCrossed(List.of(export(exported, "crossmnt"), export(inner, "nohide")), mounts));
    }
}
