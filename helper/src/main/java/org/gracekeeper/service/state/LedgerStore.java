// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.store.DurableFiles;

/**
 * The {@link Ledger} in the state directory: a line with the format and the SHA-256 of the rest, then JSON. A file that is
 * cut short, damaged, of another format or of another start than the last one is none. Thread-safe.
 *
 * <p>A start voids the ledger of all starts before by counting the generation up, durably, before it does anything else
 * (see {@code ClaimLayer}); so none has to be deleted in time.
 */
public final class LedgerStore {
    private static final String HEADER = "gracekeeper-ledger 1 ";
    private static final int SUM_LENGTH = 64;
    private static final long MAX = 256L << 20;

    private final DurableFiles files;

    public LedgerStore(DurableFiles files) {
        this.files = files;
    }

    /**
     * The ledger that this start recovers by, and if there is none, why.
     *
     * @param problem in words; empty with a ledger
     * @param first whether there can be none, since no start came before this one
     */
    public record Found(Optional<Ledger> ledger, String problem, boolean first) {
        private static Found not(String problem) {
            return new Found(Optional.empty(), problem, false);
        }
    }

    public void write(StateDirectory state, Ledger ledger) throws IOException {
        byte[] body = LedgerFormat.bytes(ledger);
        byte[] head = (HEADER + sum(body, 0) + "\n").getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(head, head.length + body.length);
        System.arraycopy(body, 0, all, head.length, body.length);
        files.write(state.ledger(), all);
    }

    /** The ledger in the state directory, of whatever start. */
    public Optional<Ledger> stored(StateDirectory state) {
        try {
            return Files.exists(state.ledger(), LinkOption.NOFOLLOW_LINKS) ? Optional.of(read(state.ledger()))
                    : Optional.empty();
        } catch (IOException | RuntimeException e) {
            return Optional.empty();
        }
    }

    /** Never throws: without a ledger recovery takes its full time, which is safe. */
    public Found find(StateDirectory state) {
        try {
            Claim claim = ClaimStore.read(state);
            if (claim == null) {
                return Found.not("the state directory has no record of this start");
            }
            if (claim.generation() == 1) {
                return new Found(Optional.empty(), "this is the service's first start", true);
            }
            if (!Files.exists(state.ledger(), LinkOption.NOFOLLOW_LINKS)) {
                return Found.not("the service was never stopped in order");
            }
            Ledger ledger = read(state.ledger());
            if (!ledger.service().equals(claim.service()) || !ledger.scope().equals(claim.scope())) {
                return Found.not("the ledger is that of service " + ledger.service() + " with scope " + ledger.scope());
            }
            if (ledger.generation() != claim.generation() - 1) {
                return Found.not("the service was not stopped in order the last time it ran");
            }
            return new Found(Optional.of(ledger), "", false);
        } catch (IOException | RuntimeException e) {
            return Found.not("the ledger cannot be used: " + e.getMessage());
        }
    }

    /** Whether anybody may have something to reclaim from the start that the state directory counted last. */
    public boolean expectsAnybody(StateDirectory state) throws IOException {
        Optional<Ledger> ledger = find(state).ledger();
        if (ledger.isPresent()) {
            return ledger.get().holdsAnything();
        }
        Claim claim = ClaimStore.read(state);
        return claim == null || claim.generation() > 1;
    }

    private static Ledger read(Path file) throws IOException {
        if (Files.size(file) > MAX) {
            throw new UnexpectedFormatException(file.toString(), "larger than any ledger");
        }
        byte[] all = Files.readAllBytes(file);
        int head = HEADER.length() + SUM_LENGTH + 1;
        String line = new String(all, 0, Math.min(head, all.length), StandardCharsets.ISO_8859_1);
        if (line.length() < head || !line.startsWith(HEADER) || !line.endsWith("\n")) {
            throw new UnexpectedFormatException(file.toString(), "no ledger of format 1");
        }
        if (!line.substring(HEADER.length(), head - 1).equals(sum(all, head))) {
            throw new UnexpectedFormatException(file.toString(), "checksum does not match");
        }
        return LedgerFormat.read(all, head);
    }

    private static String sum(byte[] bytes, int from) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(bytes, from, bytes.length - from);
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
