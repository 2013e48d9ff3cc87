// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;

/**
 * statd and mountd answer before clients get through: lockd asks the one about every host that locks, nfsd the other about every
 * client. nfsd itself starts without them, so they are waited for when it has. {@link DaemonsLayer} looks at them and takes them
 * down, mostly after nfsd: lockd has statd forget every host when it stops (SM_UNMON, fs/lockd/host.c). Where these could not all
 * be put into the recovery set, as the disk was too slow or failed, statd must not hear of that, and all daemons end before.
 */
public final class RegisteredLayer implements UncheckedLayer {
    private final DaemonsLayer daemons;
    private final RecordsLayer records;

    public RegisteredLayer(DaemonsLayer daemons, RecordsLayer records) {
        this.daemons = daemons;
        this.records = records;
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
    public void down(Operation operation) throws IOException, InterruptedException {
        if (operation.service().config().hasNfsV3() && !records.isGathered(operation.state())) {
            operation.warn("not all NFSv3 hosts could be put into the recovery set: the daemons end before nfsd, so that statd"
                    + " forgets none of them");
            daemons.down(operation);
        }
    }
}
