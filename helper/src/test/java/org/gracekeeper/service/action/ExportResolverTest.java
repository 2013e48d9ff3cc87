// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.gracekeeper.model.ExportsParser;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.junit.jupiter.api.Test;

class ExportResolverTest {
    private final ExportResolver resolver = new ExportResolver(host -> {
        if (!host.equals("client1")) {
            throw new UnknownHostException(host);
        }
        return new InetAddress[] {InetAddress.getByName("10.77.0.51"), InetAddress.getByName("fd77::51")};
    });

    private List<PlannedExport> resolve(String service, String lines) throws OcfException {
        return resolver.resolve(new ServiceName(service), ExportsParser.parse(lines));
    }

    @Test
    void hostNamesBecomeAllTheirAddresses() throws Exception {
        List<PlannedExport> exports = resolve("a", "/srv/a client1(rw) 10.0.0.0/8(ro)");
        assertEquals(List.of("10.77.0.51", "fd77::51", "10.0.0.0/8"),
                exports.get(0).clients().stream().map(PlannedExport.Client::host).toList());
    }

    @Test
    void anUnknownHostIsRefusedByName() {
        OcfException e = assertThrows(OcfException.class, () -> resolve("a", "/srv/a client9(rw)"));
        assertEquals(OcfCode.ARGS, e.code());
        assertTrue(e.getMessage().contains("client9"), e.getMessage());
    }

    @Test
    void theFsidDependsOnNamesOnlySoThatAllNodesAgree() throws Exception {
        String fsid = resolve("a", "/srv/a *(rw)").get(0).fsid();
        assertEquals(fsid, resolve("a", "/srv/a 10.0.0.1(ro)").get(0).fsid());
        assertNotEquals(fsid, resolve("b", "/srv/a *(rw)").get(0).fsid());
        assertNotEquals(fsid, resolve("a", "/srv/b *(rw)").get(0).fsid());
    }

    @Test
    void oneFsidForTwoDirectoriesIsRefused() {
        String uuid = "f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3";
        OcfException e = assertThrows(OcfException.class, () -> resolve("a",
                "/srv/a *(fsid=" + uuid + ")\n/srv/b *(fsid=" + uuid.replace("-", "") + ")"));
        assertTrue(e.getMessage().contains("/srv/b") && e.getMessage().contains("/srv/a"), e.getMessage());
    }

    @Test
    void aLineIsWhatExportfsReads() throws Exception {
        PlannedExport export = resolve("a", "\"/srv/a b\" *(rw,fsid=f1d2d2f924e986ac86fdf7b36b4bcdf3)").get(0);
        assertEquals("/srv/a\\040b *(rw,no_subtree_check,sync,fsid=f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3)",
                export.line());
    }
}
