// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountPropagationTest {
    private static final String HOST = """
            1 1 0:2 / / rw - rootfs none rw
            22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
            23 22 0:20 / /run rw shared:5 - tmpfs tmpfs rw
            24 23 0:20 /gracekeeper/ns /run/gracekeeper/ns rw - tmpfs tmpfs rw
            25 22 8:16 / /srv/web rw shared:9 - ext4 /dev/sdb rw
            26 22 0:30 / /var/lib/boxes rw - tmpfs tmpfs rw
            27 26 0:31 / /var/lib/boxes/one rw - overlay overlay rw
            28 27 0:32 / /var/lib/boxes/one/in rw - tmpfs tmpfs rw
            """;
    private static final String OWN = """
            91 90 8:1 / / rw master:1 - ext4 /dev/sda1 rw
            92 91 0:20 / /run rw master:5 - tmpfs tmpfs rw
            93 92 0:20 /gracekeeper/ns /run/gracekeeper/ns rw - tmpfs tmpfs rw
            94 91 8:16 / /srv/web rw master:9 - ext4 /dev/sdb rw
            95 91 0:30 / /var/lib/boxes rw - tmpfs tmpfs rw
            """;

    private static List<String> strays(String more) throws Exception {
        return MountPropagation.strays(HOST, OWN + more);
    }

    /** What is on a mount that is shared goes with the host's, be it shared itself or not. */
    @Test
    void aSlaveOfTheHostsFollows() throws Exception {
        assertEquals(List.of(), strays(""));
        assertEquals(List.of(), strays("99 92 0:77 / /run rw - tmpfs tmpfs rw\n"), "its own");
    }

    @Test
    void whatIsOnAMountThatIsNotSharedStays() throws Exception {
        assertEquals(List.of("/var/lib/boxes/one"), strays("""
                97 96 0:32 / /var/lib/boxes/one/in rw - tmpfs tmpfs rw
                96 95 0:31 / /var/lib/boxes/one rw - overlay overlay rw
                """));
        assertEquals(List.of("/var/lib/boxes/a b"),
                strays("96 95 0:31 / /var/lib/boxes/a\\040b rw - overlay overlay rw\n"));
    }

    /** The admin has made them private since: the tree of propagation of before is not the host's any more. */
    @Test
    void aSlaveOfAnothersDoesNotFollow() throws Exception {
        String private1 = HOST.replace("rw shared:5 ", "rw ");
        assertEquals(List.of("/run/gracekeeper/ns"), MountPropagation.strays(private1, OWN));
        String orphaned = OWN.replace("rw master:5 ", "rw ");
        assertEquals(List.of("/run/gracekeeper/ns"), MountPropagation.strays(HOST, orphaned));
    }

    @Test
    void whereNothingIsSharedNothingFollows() throws Exception {
        assertEquals(List.of("/"), MountPropagation.strays(HOST.replace(" shared:1 ", " "), OWN));
        assertEquals(List.of("/"), MountPropagation.strays(HOST, OWN.replace(" master:1 ", " ")));
    }

    @Test
    void damageIsTyped() throws Exception {
        assertThrows(UnexpectedFormatException.class, () -> MountPropagation.strays("", OWN));
        Mutations.feed(OWN, 20_000, UnexpectedFormatException.class, text -> MountPropagation.strays(HOST, text));
    }

    /** The rule, as the kernel that runs here has it: what is found goes or stays when the host unmounts. */
    @Test
    void theKernelKeepsToIt(@TempDir Path dir) throws Exception {
        Root.required();
        Path script = Files.writeString(dir.resolve("script"), """
                set -e
                cd "$1"
                mkdir web late boxes
                mount --make-rshared /
                mount -t tmpfs web web
                mount -t tmpfs boxes boxes
                mkdir boxes/one
                mount --make-private boxes
                mount -t tmpfs one boxes/one
                unshare --mount --propagation slave sleep 1000 &
                until [ "$(readlink /proc/$!/ns/mnt)" != "$(readlink /proc/$$/ns/mnt)" ] && grep -q sleep "/proc/$!/comm"; do sleep 0.1; done
                # As with a standby: a private /run.
                nsenter --mount=/proc/$!/ns/mnt mount -t tmpfs run /run
                mount -t tmpfs late late
                cat /proc/self/mountinfo >host
                cat /proc/$!/mountinfo >before
                umount web late boxes/one
                cat /proc/$!/mountinfo >after
                kill $!
                """);
        Root.sh("unshare", "--mount", "sh", script.toString(), dir.toString());
        String before = Files.readString(dir.resolve("before"));
        String after = Files.readString(dir.resolve("after"));
        assertEquals(List.of(dir.resolve("boxes/one").toString()),
                MountPropagation.strays(Files.readString(dir.resolve("host")), before));
        for (String name : List.of("web", "late", "boxes/one")) {
            assertTrue(before.contains(" " + dir.resolve(name) + " "), name + " in " + before);
            assertEquals(name.startsWith("boxes"), after.contains(" " + dir.resolve(name) + " "), name + " in " + after);
        }
        assertFalse(after.contains(" " + dir.resolve("web") + " "));
    }
}
