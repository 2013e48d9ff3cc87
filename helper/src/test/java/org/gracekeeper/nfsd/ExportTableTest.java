// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.gracekeeper.model.Mutations;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.nfsd.ExportTable.Export;
import org.junit.jupiter.api.Test;

class ExportTableTest {
    private static final String ETAB = "/srv/a\\040b\t*(rw,sync,wdelay,hide,nocrossmnt,secure,no_root_squash,"
            + "fsid=f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3,anonuid=65534,sec=sys,rw,secure)\n"
            + "/srv/\\303\\251\t2001:db8::/64(ro)\n";
    private static final String CACHE = "#path domain(flags)\n"
            + "/srv/x\t192.0.2.0/24(rw,no_root_squash,sync,wdelay,uuid=f1d2d2f9:24e986ac:86fdf7b3:6b4bcdf3,sec=1)\n"
            + "# /srv/y\t*()\n";

    @Test
    void etab() throws Exception {
        List<Export> exports = ExportTable.parse(ETAB);

        assertEquals("/srv/a b", exports.get(0).path());
        assertEquals("*", exports.get(0).client());
        assertEquals("fsid=f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3", exports.get(0).options().get(7));
        assertEquals(new Export("2001:db8::/64", "/srv/\u00e9", List.of("ro")), exports.get(1));
    }

    @Test
    void theKernelsCacheWithoutItsInvalidEntries() throws Exception {
        List<Export> exports = ExportTable.parse(CACHE);

        assertEquals(1, exports.size());
        assertEquals("192.0.2.0/24", exports.get(0).client());
        assertEquals("sec=1", exports.get(0).options().get(5));
    }

    @Test
    void damageIsTyped() {
        assertThrows(UnexpectedFormatException.class, () -> ExportTable.parse("/srv *(rw)"));
        Mutations.feed(ETAB, 20_000, UnexpectedFormatException.class, ExportTable::parse);
        Mutations.feed(CACHE, 20_000, UnexpectedFormatException.class, ExportTable::parse);
    }
}
