// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.net;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LocalAddressesTest {

    @Test
    void readsTheTriesLocalLeavesOnly() throws Exception {
        String trie = """
                Main:
                  +-- 0.0.0.0/0 3 0 5
                     |-- 10.77.0.0
                        /24 link UNICAST
                Local:
                  +-- 0.0.0.0/0 3 0 5
                     +-- 10.77.0.0/24 2 0 2
                        |-- 10.77.0.100
                           /32 host LOCAL
                        |-- 10.77.0.255
                           /32 link BROADCAST
                     |-- 127.0.0.1
                        /32 host LOCAL
                """;
        assertEquals(
                Set.of(InetAddress.getByName("10.77.0.100"), InetAddress.getByName("127.0.0.1")),
                LocalAddresses.parseTrie(trie));
    }

    @Test
    void readsIfInet6() throws Exception {
        assertEquals(
                Set.of(InetAddress.getByName("fd77::100"), InetAddress.getByName("::1")),
                LocalAddresses.parseInet6("""
                        00000000000000000000000000000001 01 80 10 80       lo
                        fd770000000000000000000000000100 02 40 00 82     svc0
                        """));
    }
}
