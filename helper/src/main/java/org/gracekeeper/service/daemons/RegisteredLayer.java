// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;

/**
 * statd and mountd answer before clients get through: lockd asks the one about every host that locks, nfsd the other about every
 * client. nfsd itself starts without them, so they are waited for when it has. {@link DaemonsLayer} looks at them and takes them
 * down.
 */
public final class RegisteredLayer implements UncheckedLayer {
    private final DaemonsLayer daemons;

    public RegisteredLayer(DaemonsLayer daemons) {
        this.daemons = daemons;
    }

    @Override
    public String name() {
        return "registered";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        daemons.awaitAll(operation);
    }

    @Override
    public void down(Operation operation) {}
}
