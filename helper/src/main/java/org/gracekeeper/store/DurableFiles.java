// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.task.Bounded;

/**
 * Files that are complete and on stable storage, or unchanged, whatever happens. Never follows a symbolic link in the
 * last part of a path: some directories belong to statd. Of several writers of one path at once each writes the whole, and
 * the last stays. Thread-safe; one for the whole program, with its {@link #unsynced}, since it knows which temporary files are
 * in use.
 */
public final class DurableFiles {
    /** Without the set-id bits: data has no use for them, and the helper's unit may not set them. */
    private static final int MODE_BITS = 0777;
    /** Records and states are small; what is larger is not ours. */
    private static final long MAX_COPY = 64L << 20;

    private final Kernel kernel;
    /** Temporary files that are being written. */
    private final Set<Path> inUse;
    private final boolean synced;

    public DurableFiles(Kernel kernel) {
        this(kernel, ConcurrentHashMap.newKeySet(), true);
    }

    private DurableFiles(Kernel kernel, Set<Path> inUse, boolean synced) {
        this.kernel = kernel;
        this.inUse = inUse;
        this.synced = synced;
    }

    /**
     * The same, but it is left to the kernel when what is written comes to stable storage: for what may be lost in a crash, and
     * for many files with one syncfs behind them. Until that is done, a crash can leave less of a file than either was.
     */
    public DurableFiles unsynced() {
        return new DurableFiles(kernel, inUse, false);
    }

    /**
     * Replaces a file's content: temporary file beside it, fsync, rename, fsync of the directory. An existing file keeps
     * owner and mode, a new one is root's with mode 0600.
     */
    public void write(Path file, byte[] data) throws IOException {
        Attributes attributes = Files.exists(file, LinkOption.NOFOLLOW_LINKS) ? Attributes.of(file) : null;
        replace(file, data, attributes);
        syncDirectoryOf(file);
    }

    /**
     * Replaces a file's content in the same way, with owner and mode of another file.
     *
     * @throws NoSuchFileException that one is not there
     */
    public void write(Path file, byte[] data, Path like) throws IOException {
        replace(file, data, Attributes.of(like));
        syncDirectoryOf(file);
    }

    /**
     * Copies one regular file with owner and mode, atomically and durably.
     *
     * @throws NoSuchFileException the source is not there
     */
    public void copyFile(Path from, Path to) throws IOException {
        copy(from, to);
        syncDirectoryOf(to);
    }

    /**
     * What a file has, of its beginning at most {@code max} bytes.
     *
     * @throws NoSuchFileException it is not there
     */
    public byte[] read(Path file, int max) throws IOException {
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            return in.readNBytes(max);
        }
    }

    /**
     * Whether it is one; a link to one is none.
     *
     * @throws NoSuchFileException it is not there
     * @throws IOException the disk does not tell
     */
    public boolean isRegularFile(Path file) throws IOException {
        return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).isRegularFile();
    }

    /**
     * Deletes a file or a directory with all below it, durably; what does not exist is fine. Links are not followed.
     *
     * @throws IOException also where a link takes a directory's place meanwhile, as the owner of the one above it can do
     */
    public void deleteTree(Path path) throws IOException {
        Bounded.requireAwaited();
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (DirectoryStream<Path> parent = Files.newDirectoryStream(directoryOf(path))) {
            delete((SecureDirectoryStream<Path>) parent, path.getFileName()); // as all are on Linux
        }
        syncDirectoryOf(path);
    }

    /** By names in open directories, since a path may lead elsewhere a moment later. */
    private static void delete(SecureDirectoryStream<Path> directory, Path name) throws IOException {
        try {
            if (directory.getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS).readAttributes()
                    .isDirectory()) {
                try (SecureDirectoryStream<Path> below = directory.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
                    for (Path entry : below) {
                        delete(below, entry.getFileName());
                    }
                }
                directory.deleteDirectory(name);
            } else {
                directory.deleteFile(name);
            }
        } catch (NoSuchFileException e) {
            // somebody else deleted it
        }
    }

    private void copy(Path from, Path to) throws IOException {
        BasicFileAttributes found =
                Files.readAttributes(from, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!found.isRegularFile() || found.size() > MAX_COPY) {
            throw new FileSystemException(from.toString(), null, "not a small regular file");
        }
        try (FileChannel in = FileChannel.open(from, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
            ByteBuffer data = ByteBuffer.allocate((int) found.size());
            while (data.hasRemaining() && in.read(data) >= 0) {
                continue;
            }
            data.flip();
            byte[] bytes = new byte[data.remaining()];
            data.get(bytes);
            replace(to, bytes, Attributes.of(from));
        }
    }

    /** Without the directory's fsync. */
    private void replace(Path file, byte[] data, Attributes attributes) throws IOException {
        Path temporary = temporary(file.toAbsolutePath());
        try {
            Files.deleteIfExists(temporary); // of a writer that died
            try (FileChannel out = FileChannel.open(temporary,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
                ByteBuffer buffer = ByteBuffer.wrap(data);
                while (buffer.hasRemaining()) {
                    out.write(buffer);
                }
                if (attributes != null) {
                    attributes.apply(kernel, temporary);
                }
                if (synced) {
                    out.force(true);
                }
            }
            Bounded.requireAwaited(); // the disk may have been what it hung at
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            Files.deleteIfExists(temporary);
            throw e;
        } finally {
            inUse.remove(temporary);
        }
    }

    /** One that no other writer has, the first one wherever possible. It begins with a dot, which statd ignores. */
    private Path temporary(Path file) {
        String name = "." + file.getFileName() + ".new";
        for (int i = 0;; i++) {
            Path temporary = file.resolveSibling(i == 0 ? name : name + i);
            if (inUse.add(temporary)) {
                return temporary;
            }
        }
    }

    private void syncDirectoryOf(Path file) throws IOException {
        if (synced) {
            kernel.fsync(directoryOf(file));
        }
    }

    private static Path directoryOf(Path file) {
        return file.toAbsolutePath().getParent();
    }

    private record Attributes(int uid, int gid, int mode) {
        static Attributes of(Path path) throws IOException {
            Map<String, Object> found = Files.readAttributes(path, "unix:uid,gid,mode", LinkOption.NOFOLLOW_LINKS);
            return new Attributes((int) found.get("uid"), (int) found.get("gid"), (int) found.get("mode") & MODE_BITS);
        }

        void apply(Kernel kernel, Path path) throws IOException {
            kernel.chown(path, uid, gid);
            Files.setAttribute(path, "unix:mode", mode);
        }
    }
}
