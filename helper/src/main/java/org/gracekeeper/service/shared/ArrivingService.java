// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.StateDirectory;

/**
 * A service that comes to the node's own nfsd, with who has something to reclaim there.
 *
 * @param clients owners of NFSv4 clients, in hexadecimal
 * @param from where they were clients, see {@link SharedRecordsLayer#clientsFrom}
 * @param hosts whether there are NFSv3 hosts
 */
record ArrivingService(Operation operation, List<String> clients, String from, boolean hosts) {

    /** Reads its state directory: may hang with the service's storage. */
    static ArrivingService of(Operation operation, SharedRecordsLayer records) throws IOException {
        StateDirectory directory = operation.state();
        return new ArrivingService(operation, SharedRecordsLayer.clients(directory),
                SharedRecordsLayer.clientsFrom(directory), records.hasHosts(directory));
    }

    /** Whether nobody is known who would reclaim. */
    boolean isEmpty() {
        return clients.isEmpty() && !hosts;
    }

    SharedOwners.Arrival arrival() {
        return new SharedOwners.Arrival(operation.instance().name(), from, clients);
    }
}
