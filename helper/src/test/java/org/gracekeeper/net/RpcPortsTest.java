// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class RpcPortsTest {
    private static final String RPCINFO = """
               program version netid     address                service    owner
                100000    4    tcp6      ::.0.111               portmapper superuser
                100000    4    local     /run/rpcbind.sock      portmapper superuser
                100003    3    tcp       0.0.0.0.8.1            nfs        superuser
                100021    1    udp       0.0.0.0.15.205         nlockmgr   superuser
                100021    4    udp       0.0.0.0.15.205         nlockmgr   superuser
                100021    4    tcp       0.0.0.0.160.1          nlockmgr   superuser
                100021    4    udp6      ::.157.12              nlockmgr   superuser
                100021    4    tcp6      ::.0.255               nlockmgr   superuser
                100024    1    tcp6      ::.2.150               status     105
            """;

    @Test
    void thePortsOfBothFamilies() {
        assertEquals(new RpcPorts(new TreeSet<>(Set.of(40961, 255)), new TreeSet<>(Set.of(4045, 40204))),
                RpcPorts.of(RPCINFO, RpcClient.LOCKD));
    }

    @Test
    void whoIsNotThereHasNone() {
        assertEquals(Set.of(), RpcPorts.of("", RpcClient.LOCKD).tcp());
        assertEquals(Set.of(), RpcPorts.of(RPCINFO, RpcClient.MOUNTD).udp());
        assertEquals(Set.of(), RpcPorts.of(RPCINFO, RpcClient.PMAP).udp());
    }
}
