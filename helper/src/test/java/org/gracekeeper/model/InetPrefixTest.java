// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InetPrefixTest {

    @ParameterizedTest
    @CsvSource({
        "10.77.0.100/24, 10.77.0.100/24",
        "fd77::100/64, fd77::100/64",
        "FD77:0:0:0:0:0:0:1/128, fd77::1/128",
        "2001:db8:0:1:0:0:0:1/64, 2001:db8:0:1::1/64",
        "2001:db8:0:1:1:1:1:1/64, 2001:db8:0:1:1:1:1:1/64",
        "::/0, ::/0",
        "1::/16, 1::/16"
    })
    void writesAddressesAsTheKernelDoes(String text, String canonical) {
        assertEquals(canonical, InetPrefix.parse(text).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.77.0.100", "10.77.0.100/", "10.77.0.100/33", "10.77.0/24", "10.77.0.256/24", "host/24",
        "fd77::100/129", "fd77:::1/64", "fd77::1%eth0/64", "::ffff:10.0.0.1/96", "-1/24", "/24", "10.0.0.1/2 4",
        "10.0.0.1/-1"})
    void refusesWhatIsNoAddressWithPrefix(String text) {
        assertThrows(IllegalArgumentException.class, () -> InetPrefix.parse(text));
    }

    @Test
    void knowsItsNetwork() throws Exception {
        assertTrue(InetPrefix.parse("10.77.0.100/23").contains(InetAddress.getByName("10.77.1.5")));
        assertFalse(InetPrefix.parse("10.77.0.100/24").contains(InetAddress.getByName("10.77.1.5")));
        assertFalse(InetPrefix.parse("10.77.0.100/24").contains(InetAddress.getByName("fd77::1")));
        assertTrue(InetPrefix.parse("fd77::100/64").contains(InetAddress.getByName("fd77::2:1")));
    }
}
