// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.service.own.LinkLayer;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnMountsTest {
    private static final String VOLUMES = """
            NV SERVER   PORT DEV          FSID                              FSC
            v4 c0000201  801 0:45         7ee6ab5c5b7d4c5a:1d2c3e4f5a6b7c8d no
            v4 c0000201  801 0:47         0:0                               no
            v3 0a4d0065  801 0:46         7ee6ab5c5b7d4c5b:0                no
            v4 fd770000000000000000000000000100  801 0:48         0:0       no
            """;
    private static final String MOUNTINFO = """
            24 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw
            80 24 0:45 / /mnt/own rw,relatime shared:40 - nfs4 192.0.2.1:/srv/a/data rw,vers=4.2,hard,addr=192.0.2.1
            81 24 0:46 / /mnt/far rw,relatime shared:41 - nfs far.example:/srv/far rw,vers=3,mountaddr=192.0.2.1,addr=10.77.0.101
            82 24 0:47 / /mnt/with\\040space rw,relatime shared:42 master:7 - nfs4 a-name:/ rw,vers=4.1,addr=192.0.2.1
            """;

    @TempDir
    private Path dir;

    private OwnMounts mounts() {
        return new OwnMounts(LinuxKernel.load(), dir.resolve("volumes"), dir.resolve("mountinfo"));
    }

    /** Of a service with the address 192.0.2.1. */
    private Optional<String> remark(String volumes, String mountinfo) throws Exception {
        Files.writeString(dir.resolve("volumes"), volumes);
        Files.writeString(dir.resolve("mountinfo"), mountinfo);
        return mounts().remark(TestService.at(dir).config());
    }

    @Test
    void mountsOfTheServiceAreNamedWithWhatToDo() throws Exception {
        String remark = remark(VOLUMES, MOUNTINFO).orElseThrow();
        assertTrue(remark.startsWith("this node has it mounted at /mnt/own, /mnt/with space: "), remark);
        assertTrue(remark.endsWith("unmount it here (umount -f -l /mnt/own)"), remark);
    }

    @Test
    void mountsOfOtherServersAreNobodysBusiness() throws Exception {
        assertEquals(Optional.empty(), remark(VOLUMES.replace("c0000201", "c0000202"), MOUNTINFO));
        assertEquals(Optional.empty(), remark("NV SERVER   PORT DEV          FSID                              FSC\n", MOUNTINFO));
    }

    @Test
    void aNodeThatIsNoClientHasNone() throws Exception {
        assertEquals(Optional.empty(), mounts().remark(TestService.at(dir).config()));
    }

    @Test
    void aMountElsewhereIsToldOf() throws Exception {
        String remark = remark(VOLUMES, "24 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw\n").orElseThrow();
        assertTrue(remark.startsWith("this node has it mounted where its own mount table does not show it"), remark);
        assertTrue(remark.endsWith("unmount it here"), remark);
    }

    @Test
    void bothFamiliesAreKnown() throws Exception {
        assertEquals(Set.of(new DeviceId(0, 48)), OwnMounts.devices(VOLUMES, Set.of(InetAddress.getByName("fd77::100"))));
        assertEquals(Set.of(new DeviceId(0, 46)), OwnMounts.devices(VOLUMES, Set.of(InetAddress.getByName("10.77.0.101"))));
    }

    /** Or the monitor would fail, and the service be started anew for nothing. */
    @Test
    void whatCannotBeReadIsNoRemark() throws Exception {
        Files.createDirectory(dir.resolve("volumes"));
        assertThrows(IOException.class, () -> mounts().remark(TestService.at(dir).config()));
        assertEquals(Optional.empty(), new LinkLayer(null, null, null, mounts(), null)
                .remark(TestService.operation(TestService.at(dir), new ArrayList<>())));
    }
}
