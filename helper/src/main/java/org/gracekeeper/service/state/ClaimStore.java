// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.io.IOException;
import java.nio.file.Files;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.store.DurableFiles;

/** The {@link Claim} in the state directory. Stateless, thread-safe. */
public final class ClaimStore {
    private final DurableFiles files;
    private final Reserve reserve;

    public ClaimStore(DurableFiles files, Reserve reserve) {
        this.files = files;
        this.reserve = reserve;
    }

    public void write(StateDirectory state, Claim claim) throws IOException {
        files.write(state.record(), Json.pretty(claim.json()));
    }

    /** From now on no client goes by any other lease than the configured one, and who reclaimed is recorded. */
    public void recovered(RunningService service) throws IOException {
        Claim claim = read(service.state());
        int lease = service.config().leaseTime();
        if (claim != null && claim.leaseTime() != lease) {
            write(service.state(), new Claim(claim.format(), claim.service(), claim.scope(), claim.node(), claim.bootId(),
                    claim.generation(), lease, claim.graceTime(), claim.clean()));
        }
        reserve.take(service.state());
    }

    /** @throws UnexpectedFormatException it is damaged */
    public static Claim read(StateDirectory state) throws IOException {
        if (!Files.exists(state.record())) {
            return null;
        }
        byte[] bytes = Files.readAllBytes(state.record());
        try {
            return Json.read(bytes, Claim::of);
        } catch (IOException e) {
            // Its message would quote the garbage.
            throw new UnexpectedFormatException(state.record().toString(), "no record of a service");
        }
    }

    /** The lease that clients may still go by, in seconds; 0 when none is known. */
    public static int leaseTime(StateDirectory state) throws IOException {
        try {
            Claim claim = read(state);
            return claim == null ? 0 : claim.leaseTime();
        } catch (UnexpectedFormatException e) {
            return DamagedClaim.read(state).leaseTime();
        }
    }
}
