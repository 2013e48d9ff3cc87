// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MountTableTest {
    private static final String TEXT = """
            22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
            40 22 254:16 / /srv/a\\040b rw,relatime shared:20 master:3 - ext4 /dev/vdb rw
            41 22 254:32 /sub /srv/bound rw - xfs /dev/mapper/x\\134y rw
            42 22 0:45 / /srv/bound rw,nosuid - tmpfs tmpfs rw
            43 22 0:46 / /srv/none rw - tmpfs  rw
            44 22 254:32 / /srv/x rw - xfs /dev/mapper/x\\134y rw
            """;

    @Test
    void whatIsMountedLastCoversTheOthers() throws Exception {
        MountTable table = MountTable.parse(TEXT);

        assertEquals("tmpfs on tmpfs", table.at(Path.of("/srv/bound")).orElseThrow().toString());
        assertEquals(new DeviceId(0, 45), table.of(Path.of("/srv/bound/deep/er")).orElseThrow().device());
        assertEquals("xfs on /dev/mapper/x\\y", table.mounts().get(2).toString());
        assertEquals("", table.at(Path.of("/srv/none")).orElseThrow().source());
    }

    @Test
    void aPathLiesOnTheNearestMountAboveIt() throws Exception {
        MountTable table = MountTable.parse(TEXT);

        assertEquals(new DeviceId(254, 16), table.at(Path.of("/srv/a b")).orElseThrow().device());
        assertEquals(Optional.empty(), table.at(Path.of("/srv/a b/c")));
        assertEquals(new DeviceId(254, 16), table.of(Path.of("/srv/a b/c")).orElseThrow().device());
        assertEquals(new DeviceId(254, 0), table.of(Path.of("/srv/a")).orElseThrow().device());
    }

    @Test
    void aMountOfAPartIsNoneOfTheWhole() throws Exception {
        MountTable table = MountTable.parse(TEXT);

        assertEquals("/sub", table.mounts().get(2).root());
        assertFalse(table.mounts().get(2).isWhole());
        assertEquals(Path.of("/srv/x"), table.whole(new DeviceId(254, 32)).orElseThrow().point());
        assertEquals(Optional.empty(), table.whole(new DeviceId(254, 48)));
    }

    @Test
    void aBindMountIsAnotherPathToTheSamePlace() throws Exception {
        MountTable table = MountTable.parse(TEXT.replaceFirst("(?m)^42 .*\n", ""));
        MountTable.Place bound = table.place(Path.of("/srv/bound")).orElseThrow();

        assertEquals(new MountTable.Place(new DeviceId(254, 32), "/sub"), bound);
        assertEquals(bound, table.place(Path.of("/srv/x/sub")).orElseThrow());
        assertEquals(table.place(Path.of("/srv/x/sub/a/b")), table.place(Path.of("/srv/bound/a/b")));
        assertEquals(new MountTable.Place(new DeviceId(254, 32), "/"), table.place(Path.of("/srv/x")).orElseThrow());
        assertEquals(new MountTable.Place(new DeviceId(254, 0), "/srv"), table.place(Path.of("/srv")).orElseThrow());
    }

    @Test
    void aPlaceHoldsItselfAndWhatLiesInside() {
        DeviceId device = new DeviceId(254, 32);
        MountTable.Place place = new MountTable.Place(device, "/sub");
        MountTable.Place whole = new MountTable.Place(device, "/");

        assertTrue(place.holds(place));
        assertTrue(place.holds(new MountTable.Place(device, "/sub/a")));
        assertTrue(whole.holds(place));
        assertFalse(place.holds(whole));
        assertFalse(place.holds(new MountTable.Place(device, "/subway")));
        assertFalse(whole.holds(new MountTable.Place(new DeviceId(254, 16), "/sub")));
    }

    @Test
    void whatIsMountedInsideADirectory() throws Exception {
        MountTable table = MountTable.parse(TEXT + "45 40 254:64 / /srv/a\\040b/deep/er rw - ext4 /dev/vde rw\n"
                + "46 22 254:80 / /srv/a\\040bc rw - ext4 /dev/vdf rw\n");

        assertEquals("[ext4 on /dev/vde]", table.inside(Path.of("/srv/a b")).toString());
        assertEquals(List.of(), table.inside(Path.of("/srv/a b/deep/er")));
        assertEquals(7, table.inside(Path.of("/srv")).size());
    }

    @Test
    void namesForPeople() throws Exception {
        MountTable table = MountTable.parse(TEXT);

        assertEquals("/srv/a b", table.name(new DeviceId(254, 16)));
        assertEquals("254:48", table.name(new DeviceId(254, 48)));
    }

    /** Users can mount with FUSE wherever they like. */
    @Test
    void namesMayHaveWhatIsWhite() throws Exception {
        MountTable table = MountTable.parse(TEXT + "45 22 0:47 / /home/a\rb\fc rw - fuse.x x\u000by rw\n");

        assertEquals("fuse.x on x\u000by", table.at(Path.of("/home/a\rb\fc")).orElseThrow().toString());
    }

    @Test
    void whatIsNoMountinfoIsTyped() {
        assertThrows(UnexpectedFormatException.class, () -> MountTable.parse("/dev/vda / ext4 rw 0 0"));
    }
}
