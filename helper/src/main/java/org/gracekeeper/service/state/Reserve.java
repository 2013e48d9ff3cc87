// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;

/**
 * Room for what a stop and a start write, in a file of the state directory. Its file system is usually the one that
 * clients fill: without this a service on a full one could neither keep its clients' records nor be started again, and
 * statd and nfsdcld could not record those who reclaim: they would lose their locks, NLM's at once. The file is given up
 * when a stop or a start begins, and made anew when the stop or the recovery has ended. In a recovery clients may write
 * already; what they take meanwhile is gone. Stateless, thread-safe.
 */
public final class Reserve {
    /** A ledger of some ten thousand locks, nfsdcld's journal, the records of some hundred hosts. */
    static final int SIZE = 4 << 20;
    /** With less than this, records of clients that come now may not be written. */
    private static final long SCARCE = 1 << 20;

    private final Kernel kernel;
    private final DurableFiles files;

    public Reserve(Kernel kernel, DurableFiles files) {
        this.kernel = kernel;
        this.files = files;
    }

    /** Gives the room free where there is no other. Not while clients can reach the service: they would take it. */
    public void release(StateDirectory state) throws IOException {
        if (kernel.statfs(state.root()).available() < SIZE) {
            files.deleteTree(state.reserve());
        }
    }

    /**
     * Takes the room, as much as there is.
     *
     * @throws IOException there is less; what there is, is taken
     */
    public void take(StateDirectory state) throws IOException {
        try (FileChannel out = FileChannel.open(state.reserve(), Set.of(
                StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
            long size = out.size();
            if (size >= SIZE) {
                return;
            }
            // Not zeros: file systems that compress would reserve nothing.
            byte[] noise = new byte[SIZE - (int) size];
            new SplittableRandom().nextBytes(noise);
            ByteBuffer buffer = ByteBuffer.wrap(noise);
            out.position(size);
            while (buffer.hasRemaining()) {
                out.write(buffer);
            }
            out.force(true);
        }
    }

    /** What an administrator should know before it costs locks; empty when there is room. */
    public Optional<String> problem(StateDirectory state) throws IOException {
        return kernel.statfs(state.root()).available() >= SCARCE ? Optional.empty()
                : Optional.of("the file system of the state directory " + state.root() + " is full: locks of clients that come"
                        + " now may not survive a failover; make room, or give the state a file system of its own");
    }
}
