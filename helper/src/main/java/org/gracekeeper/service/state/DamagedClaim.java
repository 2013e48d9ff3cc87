// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.model.Ledger;
import org.gracekeeper.model.ServiceConfig;

/**
 * What is left of a service's record that cannot be read as a whole, one cut short for example. What it still says counts:
 * that the directory is another service's, above all.
 *
 * @param text every byte a character
 */
public record DamagedClaim(String text) {
    /** No lease is longer (fs/nfsd/nfsctl.c, __nfsd4_write_time). */
    private static final int MAX_LEASE = 3600;

    public static DamagedClaim read(StateDirectory state) throws IOException {
        return new DamagedClaim(Files.readString(state.record(), StandardCharsets.ISO_8859_1));
    }

    /** Whose directory it is, if that can be told. */
    public Optional<String> service(Optional<Ledger> ledger) {
        return word("service").or(() -> ledger.map(Ledger::service));
    }

    int leaseTime() {
        long found = number("leaseTime").orElse(0L);
        return found > MAX_LEASE ? 0 : (int) found;
    }

    /**
     * A record to go on from, of a start that did not end in order. Its number is beyond that of every ledger, and of every
     * start that any node may still be about to end: seconds are more than starts.
     *
     * @param ledger the one in the state directory, of whatever start
     * @param config what is taken for granted where nothing else can be told
     */
    public Claim claim(Optional<Ledger> ledger, ServiceConfig config) {
        long known = Math.max(number("generation").orElse(0L), ledger.map(Ledger::generation).orElse(0L));
        return new Claim(
                number("format").map(Long::intValue).filter(f -> f > 0).orElse(Claim.FORMAT),
                service(ledger).orElse(config.name().value()),
                word("scope").or(() -> ledger.map(Ledger::scope)).orElse(config.scope()),
                word("node").orElse("unknown"),
                "",
                Math.max(known, Instant.now().getEpochSecond()) + 1,
                leaseTime(),
                0,
                false);
    }

    private Optional<String> word(String field) {
        return find(field, "\"([^\"\\\\\\p{Cntrl}]{1,255})\"");
    }

    private Optional<Long> number(String field) {
        return find(field, "([0-9]{1,18})\\b").map(Long::valueOf);
    }

    private Optional<String> find(String field, String value) {
        Matcher m = Pattern.compile("\"" + field + "\"\\s*:\\s*" + value).matcher(text);
        return m.find() ? Optional.of(m.group(1)) : Optional.empty();
    }
}
