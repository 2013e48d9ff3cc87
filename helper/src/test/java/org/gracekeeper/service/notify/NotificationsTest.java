// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NotificationsTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final Notifications.Line LINE =
            new Notifications.Line(Path.of("/var/lib/nfs/notify/192.0.2.1"), "web-0", true);

    private final Kernel kernel = LinuxKernel.load();

    @TempDir
    private Path dir;

    private Path list;
    private Notifications notifications;

    @BeforeEach
    void aService() throws Exception {
        list = Files.createDirectories(dir.resolve("web")).resolve("notify");
        notifications = newHelper();
    }

    private Notifications newHelper() {
        return new Notifications(dir, new DurableFiles(kernel), kernel);
    }

    private boolean held() throws KernelException {
        try {
            kernel.close(kernel.lock(list));
            return false;
        } catch (KernelException e) {
            assertEquals(Errno.EAGAIN, e.errno());
            return true;
        }
    }

    @Test
    void areHeldUntilTheyAreLetGo() throws Exception {
        notifications.hold(WEB, List.of(LINE, new Notifications.Line(Path.of("/var/lib/nfs/notify/fd77::100"), "web-1", false)));
        assertEquals("/var/lib/nfs/notify/192.0.2.1 web-0 first\n/var/lib/nfs/notify/fd77::100 web-1 then\n", Files.readString(list));
        assertTrue(notifications.any(WEB));
        assertTrue(held());

        notifications.letGo(WEB);
        assertFalse(held());
        assertTrue(notifications.any(WEB), "nfs-notify may come later");
        notifications.letGo(WEB);
    }

    @Test
    void oneServicesAreNotAnothers() throws Exception {
        notifications.hold(WEB, List.of(LINE));
        notifications.letGo(new ServiceName("mail"));
        notifications.remove(new ServiceName("mail"));
        assertTrue(held());
    }

    @Test
    void withoutAnythingToTellThereIsNoList() throws Exception {
        notifications.hold(WEB, List.of(LINE));
        notifications.hold(WEB, List.of());
        assertFalse(notifications.any(WEB));
    }

    @Test
    void whoHasTheLockOfAnEarlierListIsInNobodysWay() throws Exception {
        notifications.hold(WEB, List.of(LINE));
        notifications.letGo(WEB);
        int smNotify = kernel.lock(list);

        newHelper().hold(WEB, List.of(LINE));
        assertTrue(held());
        kernel.close(smNotify);
        assertTrue(held());
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        notifications.hold(WEB, List.of(LINE));
        notifications.remove(WEB);
        notifications.remove(WEB);
        assertFalse(notifications.any(WEB));
        try (var left = Files.list(list.getParent())) {
            assertEquals(List.of(), left.toList());
        }
        Path self = Path.of("/proc/self/fd");
        try (var open = Files.list(self)) {
            assertFalse(open.map(fd -> target(fd)).anyMatch(target -> target.startsWith(dir.toString())));
        }
    }

    @Test
    void aServiceWithoutADirectoryIsNone() {
        assertThrows(IOException.class, () -> notifications.hold(new ServiceName("mail"), List.of(LINE)));
    }

    private static String target(Path fd) {
        try {
            return Files.readSymbolicLink(fd).toString();
        } catch (IOException e) {
            return ""; // closed meanwhile
        }
    }
}
