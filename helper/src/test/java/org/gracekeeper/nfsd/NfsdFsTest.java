// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.NfsVersion;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NfsdFsTest {
    private final Kernel kernel = mock(Kernel.class);

    @TempDir
    Path root;

    private NfsdFs nfsd;

    @BeforeEach
    void create() {
        nfsd = new NfsdFs(kernel, root);
    }

    @Test
    void zeroThreadsOnAStoppedServerWritesNothing() throws Exception {
        reads("threads", "0\n");

        nfsd.setThreads(0);

        verify(kernel, never()).writeOnce(any(), any());
    }

    @Test
    void aServerThatIsMadeAndDropped() throws Exception {
        doThrow(new KernelException("write", "portlist", Errno.EBADF, "bad descriptor")).when(kernel).writeOnce(any(), any());
        nfsd.makeAndDropServer();
        verify(kernel).writeOnce(root.resolve("portlist"), "2147483647\n".getBytes(StandardCharsets.US_ASCII));
        doThrow(new KernelException("write", "portlist", Errno.ENOMEM, "no memory")).when(kernel).writeOnce(any(), any());
        assertThrows(KernelException.class, nfsd::makeAndDropServer);
    }

    @Test
    void threadsAreWrittenOtherwise() throws Exception {
        reads("threads", "8\n");
        assertEquals(8, nfsd.threads());

        nfsd.setThreads(0);
        nfsd.setThreads(16);

        wrote("threads", "0\n");
        wrote("threads", "16\n");
    }

    @Test
    void versionsTurnOnBeforeTheyTurnOff() throws Exception {
        nfsd.setVersions(EnumSet.of(NfsVersion.V3, NfsVersion.V4_1));
        wrote("versions", "+3 +4.1 -2 -4.0 -4.2\n");

        assertThrows(IllegalArgumentException.class, () -> nfsd.setVersions(Set.of()));

        reads("versions", "-2 +3 +4 +4.1 -4.0 +4.2\n");
        assertEquals(EnumSet.of(NfsVersion.V3, NfsVersion.V4_1, NfsVersion.V4_2), nfsd.versions());
    }

    @Test
    void timesAndListeners() throws Exception {
        reads("nfsv4leasetime", "90\n");
        reads("nfsv4gracetime", "45\n");

        assertEquals(90, nfsd.leaseTime());
        assertEquals(45, nfsd.graceTime());
        nfsd.setLeaseTime(60);
        nfsd.setGraceTime(30);
        nfsd.addListener(17);
        wrote("nfsv4leasetime", "60\n");
        wrote("nfsv4gracetime", "30\n");
        wrote("portlist", "17\n");
    }

    @Test
    void busyMeansReadAgain() throws Exception {
        doThrow(KernelException.of("write", "v4_end_grace", Errno.EBUSY)).when(kernel).writeOnce(any(), any());
        reads("v4_end_grace", "Y\n");
        nfsd.endV4Grace();
        assertTrue(nfsd.v4GraceEnded());

        reads("v4_end_grace", "N\n");
        KernelException e = assertThrows(KernelException.class, nfsd::endV4Grace);
        assertEquals(Errno.EBUSY, e.errno());
        assertFalse(e.remedy().isEmpty());
        assertEquals("write v4_end_grace: EBUSY", e.getMessage());
    }

    @Test
    void unlocks() throws Exception {
        nfsd.unlockIp(InetAddress.getByName("192.0.2.100"));
        nfsd.unlockFilesystem(Path.of("/srv/a b\\c"));

        wrote("unlock_ip", "192.0.2.100\n");
        wrote("unlock_filesystem", "/srv/a\\040b\\134c\n");
    }

    @Test
    void clientsThatGoMeanwhileAreLeftOut() throws Exception {
        for (String number : List.of("3", "4", "5")) {
            Files.createDirectories(root.resolve("clients").resolve(number));
            reads("clients/" + number + "/info", Fixtures.read("linux-6.12/client-info"));
            reads("clients/" + number + "/states", Fixtures.read("linux-6.12/states"));
        }
        fails("clients/4/info", Errno.ENXIO);
        fails("clients/5/states", Errno.ENOENT);

        List<Nfs4Client> clients = nfsd.clients();

        assertEquals(List.of("3"), clients.stream().map(Nfs4Client::number).toList());
        nfsd.expireClient(clients.get(0));
        wrote("clients/3/ctl", "expire\n");
        doThrow(KernelException.of("open", "ctl", Errno.ENOENT)).when(kernel).writeOnce(any(), any());
        nfsd.expireClient(clients.get(0));
        doThrow(KernelException.of("open", "ctl", Errno.EACCES)).when(kernel).writeOnce(any(), any());
        assertThrows(KernelException.class, () -> nfsd.expireClient(clients.get(0)));
    }

    @Test
    void noClientsDirectoryMeansNoClients() throws Exception {
        assertEquals(List.of(), nfsd.clients());
    }

    @Test
    void whatIsNoNumberIsTyped() throws Exception {
        reads("threads", "many");
        reads("v4_end_grace", "");

        assertThrows(UnexpectedFormatException.class, nfsd::threads);
        assertThrows(UnexpectedFormatException.class, nfsd::v4GraceEnded);
    }

    @Test
    void lockd() throws Exception {
        LockdFs lockd = new LockdFs(kernel, root, root.resolve("sys"));
        reads("nlm_end_grace", "N\n\0");
        assertFalse(lockd.graceEnded());
        reads("nlm_end_grace", "Y\n\0");
        assertTrue(lockd.graceEnded());
        reads("sys/nlm_grace_period", "60\n");
        reads("sys/nlm_tcpport", "4045\n");
        assertEquals(60, lockd.gracePeriod());
        assertEquals(4045, lockd.tcpPort());

        lockd.endGrace();
        lockd.setGracePeriod(90);
        lockd.setTcpPort(4045);
        lockd.setUdpPort(4046);

        wrote("nlm_end_grace", "Y\n");
        wrote("sys/nlm_grace_period", "90\n");
        wrote("sys/nlm_tcpport", "4045\n");
        wrote("sys/nlm_udpport", "4046\n");
    }

    private void reads(String file, String text) throws Exception {
        when(kernel.read(eq(root.resolve(file)), anyInt())).thenReturn(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void fails(String file, int errno) throws Exception {
        when(kernel.read(eq(root.resolve(file)), anyInt())).thenThrow(KernelException.of("read", file, errno));
    }

    private void wrote(String file, String text) throws Exception {
        verify(kernel).writeOnce(root.resolve(file), text.getBytes(StandardCharsets.UTF_8));
    }
}
