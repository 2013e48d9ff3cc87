// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * The NSM state number in statd's file {@code state}: an int in the machine's byte order, odd while the host is up. It
 * must grow with every start of the service, wherever it runs: a client ignores a notification with the number it
 * knows.
 */
public record NsmState(int value) {
    /** 2020-01-01T00:00:00Z. */
    private static final long EPOCH = 1_577_836_800;
    /** Where the clock is wrong; more than starts, all the same. */
    private static final long LEAST = 1_000_000;

    /**
     * Where none is known, since there was none or it was damaged: larger than any that was reached by counting starts,
     * and than any that was made here before.
     */
    public static NsmState beyondCounting(Instant now) {
        return new NsmState((int) Math.max(now.getEpochSecond() - EPOCH, LEAST) | 1);
    }

    /** Empty when there is no file. */
    public static Optional<NsmState> read(Path file) throws IOException {
        try {
            return Optional.of(parse(Files.readAllBytes(file)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    static NsmState parse(byte[] bytes) throws UnexpectedFormatException {
        int value = bytes.length == Integer.BYTES ? ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).getInt() : 0;
        if (value <= 0 || new NsmState(value).next().value < value) {
            throw new UnexpectedFormatException("NSM state", "no number that was reached by counting");
        }
        return new NsmState(value);
    }

    /** The number of the next start: odd and larger, as nsm_get_state() counts. */
    public NsmState next() {
        return new NsmState((value | 1) + 2);
    }

    /** The file's content. */
    public byte[] bytes() {
        return ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.nativeOrder()).putInt(value).array();
    }
}
