// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.io.IOException;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;

/** The top layer: clients reclaim what they held. start does not wait for it, a watch does. */
public final class RecoveryLayer implements UncheckedLayer {
    private final RecoveryWatch watch;

    public RecoveryLayer(RecoveryWatch watch) {
        this.watch = watch;
    }

    @Override
    public String name() {
        return "recovery";
    }

    @Override
    public void up(Operation operation) {
        watch.begin(operation.service().config().name());
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        watch.end(operation.service().config().name());
    }

    @Override
    public void tend(Operation operation) {
        // A watch that this helper does not have yet was another helper's, which was killed.
        if (!operation.service().recovered()) {
            watch.begin(operation.service().config().name());
        }
    }
}
