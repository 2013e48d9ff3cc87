// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.service.state.StandbyPlan;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What makes a standby useless, each thing by itself. */
class StandbySiteTest {
    private static final StandbyPlan PLAN = new StandbyPlan(StandbyPlan.FORMAT, "eth0", LinkType.IPVLAN, true);

    @TempDir
    private Path dir;

    private StandbySite site;
    private StandbyBasis made;

    @BeforeEach
    void aNode() throws Exception {
        site = new StandbySite(dir.resolve("net"), dir.resolve("ipv4"));
        device("eth0", 2, 1500);
        device("eth1", 3, 1500);
        for (String file : new String[] {"conf/all/rp_filter", "conf/default/rp_filter", "tcp_rmem", "tcp_wmem", "tcp_congestion_control",
            "tcp_fin_timeout"}) {
            write("ipv4/" + file, "1");
        }
        made = site.basis(PLAN);
    }

    private void device(String name, int index, int mtu) throws IOException {
        write("net/" + name + "/ifindex", index + "\n");
        write("net/" + name + "/mtu", mtu + "\n");
    }

    private void write(String file, String text) throws IOException {
        Files.createDirectories(dir.resolve(file).getParent());
        Files.writeString(dir.resolve(file), text);
    }

    private String difference(StandbyPlan plan) throws IOException {
        return made.differsFrom(site.basis(plan)).orElse("");
    }

    @Test
    void theSameIsOfUse() throws Exception {
        write("ipv4/tcp_fin_timeout", "2"); // that is the namespace's own
        assertEquals(Optional.empty(), made.differsFrom(site.basis(PLAN)));
    }

    @Test
    void anotherPlanIsNot() throws Exception {
        assertEquals("it is on device eth0, not on eth1", difference(new StandbyPlan(1, "eth1", LinkType.IPVLAN, true)));
        assertEquals("its device is ipvlan l2, not macvlan bridge", difference(new StandbyPlan(1, "eth0", LinkType.MACVLAN, true)));
        assertEquals("it has an rpcbind, which is not needed", difference(new StandbyPlan(1, "eth0", LinkType.IPVLAN, false)));
        made = site.basis(new StandbyPlan(1, "eth0", LinkType.IPVLAN, false));
        assertEquals("it has no rpcbind", difference(PLAN));
        made = new StandbyBasis(PLAN, "l3", made.parentIndex(), made.mtu(), made.settings());
        assertEquals("its device is ipvlan l3, not ipvlan l2", difference(PLAN));
    }

    @Test
    void anotherParentIsNot() throws Exception {
        device("eth0", 7, 1500);
        assertEquals("device eth0 is another one now", difference(PLAN));
        device("eth0", 2, 9000);
        assertEquals("the MTU of eth0 was 1500 and is 9000", difference(PLAN));
        Files.delete(dir.resolve("net/eth0/ifindex"));
        Files.delete(dir.resolve("net/eth0/mtu"));
        Files.delete(dir.resolve("net/eth0"));
        assertTrue(assertThrows(IOException.class, () -> site.basis(PLAN)).getMessage().contains("no network device eth0"));
    }

    @Test
    void otherSettingsThatANamespaceTakesOverAreNot() throws Exception {
        for (String file : new String[] {"conf/all/rp_filter", "conf/default/rp_filter", "tcp_rmem", "tcp_wmem", "tcp_congestion_control"}) {
            write("ipv4/" + file, "2");
            assertEquals("network settings of the node (net.ipv4) are others now", difference(PLAN), file);
            write("ipv4/" + file, "1");
            assertEquals("", difference(PLAN), file);
        }
    }

    /** The files that are listed are there, as far as this kernel goes. */
    @Test
    void thisNodeHasSuchSettings() throws Exception {
        StandbySite here = new StandbySite(dir.resolve("net"), Path.of("/proc/sys/net/ipv4"));
        assertEquals(here.basis(PLAN), here.basis(PLAN));
        assertTrue(!here.basis(PLAN).settings().equals(made.settings()));
    }
}
