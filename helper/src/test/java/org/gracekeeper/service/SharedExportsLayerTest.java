// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.gracekeeper.model.PlannedExport;
import org.junit.jupiter.api.Test;

class SharedExportsLayerTest {
    @Test
    void exportfsTakesAnIpv6AddressInBrackets() {
        PlannedExport export = new PlannedExport("/srv/a b", "1", List.of("*", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32")
                .stream().map(host -> new PlannedExport.Client(host, List.of())).toList());

        assertEquals(List.of("*:/srv/a b", "192.0.2.0/24:/srv/a b", "[2001:db8::1]:/srv/a b", "[2001:db8::]/32:/srv/a b"),
                SharedExportsLayer.arguments(List.of(export)));
    }
}
