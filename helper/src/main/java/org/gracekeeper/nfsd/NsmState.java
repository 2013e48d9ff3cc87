// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * The NSM state number in statd's file {@code state}: an int in the machine's byte order, odd while the host is up. It
 * must grow with every start of the service, wherever it runs: a client ignores a notification with the number it
 * knows.
 */
public record NsmState(int value) {
    /** What nsm_get_state() starts with. */
    public static final NsmState FIRST = new NsmState(1);

    /** Empty when there is no file. */
    public static Optional<NsmState> read(Path file) throws IOException {
        try {
            return Optional.of(parse(Files.readAllBytes(file)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    static NsmState parse(byte[] bytes) throws UnexpectedFormatException {
        if (bytes.length != Integer.BYTES) {
            throw new UnexpectedFormatException("NSM state", Arrays.toString(bytes));
        }
        return new NsmState(ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).getInt());
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
