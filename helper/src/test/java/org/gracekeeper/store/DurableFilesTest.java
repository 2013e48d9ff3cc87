// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.LinuxKernel;
import org.gracekeeper.sys.Root;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableFilesTest {
    /** It takes a moment to delete so many. */
    private static final int MANY = 5000;

    private final DurableFiles files = new DurableFiles(LinuxKernel.load());

    @TempDir
    Path dir;

    @Test
    void withoutSyncAFileIsStillReplacedAsAWhole() throws Exception {
        Path file = dir.resolve("f");
        Kernel kernel = mock(Kernel.class);

        new DurableFiles(kernel).unsynced().write(file, bytes("a longer one"));
        new DurableFiles(kernel).unsynced().write(file, bytes("second"));

        assertEquals("second", Files.readString(file));
        assertEquals(0600, mode(file));
        verify(kernel, never()).fsync(any());
        assertEquals(List.of("f"), names(dir));
    }

    @Test
    void aNewFileIsPrivateAndNothingIsLeftBeside() throws Exception {
        Path file = dir.resolve("f");

        files.write(file, bytes("one"));
        files.write(file, bytes("second"));

        assertEquals("second", Files.readString(file));
        assertEquals(0600, mode(file));
        assertEquals(List.of("f"), names(dir));
    }

    @Test
    void ownerAndModeStay() throws Exception {
        Root.required();
        Path file = owned(dir.resolve("f"), 4711, 0640);

        files.write(file, bytes("new"));
        files.copyFile(file, dir.resolve("copy"));

        for (Path each : List.of(file, dir.resolve("copy"))) {
            assertEquals(4711, Files.getAttribute(each, "unix:uid"));
            assertEquals(0640, mode(each));
            assertEquals("new", Files.readString(each));
        }
    }

    @Test
    void leftoversOfADeadWriterDoNotMatter() throws Exception {
        Path victim = Files.writeString(dir.resolve("victim"), "untouched");
        Files.createSymbolicLink(dir.resolve(".f.new"), victim);

        files.write(dir.resolve("f"), bytes("x"));

        assertEquals("untouched", Files.readString(victim));
        assertEquals("x", Files.readString(dir.resolve("f")));
    }

    @Test
    void severalWritersOfOnePathEachWriteTheWhole() throws Exception {
        Path file = dir.resolve("f");
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Void>> writers = new ArrayList<>();
            for (String text : List.of("a", "b", "c", "d")) {
                writers.add(() -> {
                    for (int i = 0; i < 50; i++) {
                        files.write(file, bytes(text.repeat(10_000)));
                    }
                    return null;
                });
            }
            for (Future<Void> each : threads.invokeAll(writers)) {
                each.get();
            }
        } finally {
            threads.shutdown();
        }
        String left = Files.readString(file);
        assertEquals(left.substring(0, 1).repeat(10_000), left);
        assertEquals(List.of("f"), names(dir));
    }

    @Test
    void aLinkIsReplacedNotFollowed() throws Exception {
        Path victim = Files.writeString(dir.resolve("victim"), "untouched");
        Path link = Files.createSymbolicLink(dir.resolve("f"), victim);

        files.write(link, bytes("x"));

        assertEquals("untouched", Files.readString(victim));
        assertFalse(Files.isSymbolicLink(link));
        assertThrows(IOException.class,
                () -> files.copyFile(Files.createSymbolicLink(dir.resolve("l"), victim), dir.resolve("g")));
    }

    @Test
    void deleteTreeDoesNotFollowLinks() throws Exception {
        Path outside = Files.createDirectory(dir.resolve("outside"));
        Files.writeString(outside.resolve("keep"), "x");
        Path tree = Files.createDirectories(dir.resolve("tree/a/b")).getParent().getParent();
        Files.createSymbolicLink(tree.resolve("a/link"), outside);
        Files.writeString(tree.resolve("a/b/f"), "x");

        files.deleteTree(tree);
        files.deleteTree(tree);

        assertFalse(Files.exists(tree, LinkOption.NOFOLLOW_LINKS));
        assertTrue(Files.exists(outside.resolve("keep")));
    }

    /** Its owner may be another user. */
    @Test
    void deleteTreeDoesNotFollowALinkThatComesMeanwhile() throws Exception {
        Path outside = Files.createDirectory(dir.resolve("outside"));
        Path tree = Files.createDirectories(dir.resolve("tree/a")).getParent();
        for (int i = 0; i < MANY; i++) {
            Files.createFile(outside.resolve("f" + i));
            Files.createFile(tree.resolve("a/f" + i));
        }
        ExecutorService threads = Executors.newFixedThreadPool(1);
        try {
            Future<?> other = threads.submit(() -> {
                while (names(tree.resolve("a")).size() == MANY) {
                    continue;
                }
                Files.move(tree.resolve("a"), dir.resolve("away"));
                return Files.createSymbolicLink(tree.resolve("a"), outside);
            });
            files.deleteTree(tree);
            other.get();
        } catch (IOException | ExecutionException e) {
            // It has seen the link, or was done before that came.
        } finally {
            threads.shutdown();
        }
        assertEquals(MANY, names(outside).size());
    }

    @Test
    void setIdBitsAreNotKept() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "old");
        Files.setAttribute(file, "unix:mode", 06640);

        files.write(file, bytes("new"));

        assertEquals(0640, mode(file));
    }

    @Test
    void missingSourceIsTold() {
        assertThrows(NoSuchFileException.class, () -> files.copyFile(dir.resolve("none"), dir.resolve("to")));
    }

    @Test
    void theDirectoryIsSyncedAndFailuresShow() throws Exception {
        Kernel kernel = mock(Kernel.class);
        new DurableFiles(kernel).write(dir.resolve("f"), bytes("x"));
        verify(kernel).fsync(dir);

        doThrow(KernelException.of("fsync", "d", Errno.EIO)).when(kernel).fsync(any());
        assertThrows(KernelException.class, () -> new DurableFiles(kernel).write(dir.resolve("f"), bytes("y")));
    }

    @Test
    void aFullDiskLeavesTheOldContent() throws Exception {
        Root.required();
        Path small = Files.createDirectory(dir.resolve("small"));
        Root.sh("mount", "-t", "tmpfs", "-o", "size=64k", "gk-test", small.toString());
        try {
            files.write(small.resolve("f"), bytes("old"));

            assertThrows(IOException.class, () -> files.write(small.resolve("f"), new byte[200_000]));

            assertEquals("old", Files.readString(small.resolve("f")));
            assertEquals(List.of("f"), names(small));
        } finally {
            Root.sh("umount", small.toString());
        }
    }

    private static Path owned(Path file, int uid, int mode) throws IOException {
        Files.writeString(file, "record\n");
        Files.setAttribute(file, "unix:uid", uid);
        Files.setAttribute(file, "unix:mode", mode);
        return file;
    }

    private static int mode(Path file) throws IOException {
        return (int) Files.getAttribute(file, "unix:mode") & 07777;
    }

    private static List<String> names(Path directory) throws IOException {
        try (var list = Files.list(directory)) {
            return list.map(p -> p.getFileName().toString()).sorted().toList();
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
