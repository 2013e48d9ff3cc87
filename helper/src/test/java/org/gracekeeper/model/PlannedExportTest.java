// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PlannedExportTest {
    private static PlannedExport export(String... options) {
        return new PlannedExport("/srv/a", "f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3", List.of(
                new PlannedExport.Client("192.0.2.1", List.of("rw")), new PlannedExport.Client("*", List.of(options))));
    }

    @Test
    void oneClientThatCrossesMountsIsEnough() {
        assertTrue(export("ro", "crossmnt").crossesMounts());
        assertFalse(export("ro", "nohide").crossesMounts());
    }

    @Test
    void mountPointsThatAreAskedFor() {
        assertEquals(List.of(), export("ro").mountPoints());
        assertEquals(List.of(Path.of("/srv/a")), export("mp").mountPoints());
        assertEquals(List.of(Path.of("/srv/a")), export("mountpoint", "mp").mountPoints());
        assertEquals(List.of(Path.of("/srv"), Path.of("/srv/b=c")), export("mp=/srv", "mountpoint=/srv/b=c").mountPoints());
    }

    @Test
    void exportfsTakesAnIpv6AddressInBrackets() {
        PlannedExport export = new PlannedExport("/srv/a b", "1", Stream.of("*", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32")
                .map(host -> new PlannedExport.Client(host, List.of())).toList());

        assertEquals(List.of("*:/srv/a b", "192.0.2.0/24:/srv/a b", "[2001:db8::1]:/srv/a b", "[2001:db8::]/32:/srv/a b"),
                PlannedExport.arguments(List.of(export)));
    }
}
