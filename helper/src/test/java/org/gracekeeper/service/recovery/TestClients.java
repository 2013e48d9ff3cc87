// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.recovery;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.model.Nfs4Client;

/** NFSv4 clients as the kernel would tell of them. */
public final class TestClients {
    private TestClients() {
    }

    public static Nfs4Client nfs4(long id, String address, int minorVersion, String status, int opens, int locks, int delegations) {
        List<Nfs4Client.State> states = new ArrayList<>();
        add(states, Nfs4Client.Type.OPEN, opens);
        add(states, Nfs4Client.Type.LOCK, locks);
        add(states, Nfs4Client.Type.DELEG, delegations);
        return new Nfs4Client(id, address, status, ("client " + id).getBytes(StandardCharsets.US_ASCII), minorVersion, states,
                Long.toString(id), 12, "UP", 0);
    }

    private static void add(List<Nfs4Client.State> states, Nfs4Client.Type type, int count) {
        for (int i = 0; i < count; i++) {
            states.add(new Nfs4Client.State("00", type, "", null, 0, false));
        }
        // Nobody has it any more.
        states.add(new Nfs4Client.State("00", type, "", null, 0, true));
    }
}
