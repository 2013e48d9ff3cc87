// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import static org.gracekeeper.service.release.FakeServers.HERE;
import static org.gracekeeper.service.release.FakeServers.THERE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.when;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.TestService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PathUnlockTest {
    @TempDir
    private Path dir;

    private FakeServers fake;
    private Path data;
    private Path other;
    private final List<String> ended = new ArrayList<>();
    private PathUnlock unlock;

    @BeforeEach
    void aNodeThatServesTwoFileSystems() throws Exception {
        fake = new FakeServers(dir);
        fake.threads(8);
        data = fake.mounted("data", HERE);
        other = fake.mounted("other", THERE);
        fake.exported(Files.createDirectory(data.resolve("export")), other);
        fake.nlm.add(FakeServers.nlm(HERE, 12, 0));
        fake.nlm.add(FakeServers.nlm(HERE, 12, 100));
        fake.nlm.add(FakeServers.nlm(THERE, 13, 0));
        fake.client(1, "192.0.2.51:800", FakeServers.open(1, HERE, 14));
        fake.client(2, "192.0.2.52:800", FakeServers.open(2, HERE, 15), FakeServers.open(3, THERE, 16));
        fake.client(3, "192.0.2.53:800", FakeServers.open(4, THERE, 17));
        unlock = new PathUnlock(fake.node, fake.servers, fake.nfsd, fake.holdings, (service, client, call) -> {
            ended.add(service.config().name() + " " + client.address());
            return "ended";
        });
    }

    /** As a kernel from 6.9 on does: NLM's locks go, and NFSv4's state is revoked. */
    private void revokes(String file, String text) throws Exception {
        dropsNlm(file, text);
        if (file.equals("unlock_filesystem")) {
            revoke(1, FakeServers.open(1, HERE, 14));
            fake.client(2, "192.0.2.52:800", FakeServers.open(2, HERE, 15).replace(" }", ", admin-revoked }"),
                    FakeServers.open(3, THERE, 16));
        }
    }

    private void revoke(int number, String state) throws Exception {
        fake.client(number, "192.0.2.5" + number + ":800", state.replace(" }", ", admin-revoked }"));
    }

    /** As an older one does. */
    private void dropsNlm(String file, String text) {
        if (file.equals("unlock_filesystem") && text.equals(data.toString())) {
            fake.nlm.removeIf(line -> line.dev().equals(HERE));
        }
    }

    private void acts(FakeServers.Effect effect) {
        fake.effect = effect;
    }

    private Outcome run(Path path, boolean dryRun) throws Exception {
        return unlock.unlock(path.toString(), fake.call(dryRun));
    }

    private static List<String> table(String text) {
        return text.lines().filter(line -> line.matches("(NLM|NFSv4(\\.[0-9])?)  .*")).toList();
    }

    private void refused(OcfCode code, String words, String path) {
        OcfException e = assertThrows(OcfException.class, () -> unlock.unlock(path, fake.call(false)));
        assertEquals(code, e.code());
        assertTrue(e.getMessage().contains(words), e.getMessage());
        assertEquals(List.of(), fake.writes);
    }

    @Test
    void aDryRunNamesWhatARealOneReleases() throws Exception {
        acts((file, text) -> revokesUnchecked(file, text));

        Outcome dry = run(data, true);

        assertTrue(dry.complete());
        assertTrue(dry.text().endsWith("nothing was released: this was a dry run\n"), dry.text());
        assertEquals(List.of(), fake.writes);
        assertEquals(List.of(), fake.logged);
        Outcome real = run(data, false);
        assertEquals(table(dry.text()), table(real.text()));
        assertEquals(4, table(dry.text()).size());
        assertTrue(real.complete(), real.text());
        assertEquals(List.of("unlock_filesystem " + data), fake.writes);
        assertTrue(real.text().contains("the kernel says done\nseen: 2 of 2 NLM locks and waiters, 2 of 2 NFSv4 states,"
                + " 0 of 0 NFSv4 locks are gone\n"), real.text());
        String named = "NFSv4.2 192.0.2.52:800 has state elsewhere too: that stays, but a Linux client gives up all of its locks";
        assertTrue(dry.text().contains(named), dry.text());
        assertFalse(dry.text().contains("192.0.2.51:800 has state"), dry.text());
        assertEquals(4, fake.logged.size(), fake.logged.toString());
        assertTrue(fake.logged.get(1).startsWith(named), fake.logged.toString());
        assertEquals(1, fake.nlm.size(), "the other file system's");
    }

    private void revokesUnchecked(String file, String text) throws java.io.IOException {
        try {
            revokes(file, text);
        } catch (java.io.IOException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void anOlderKernelEndsClientsThatHaveNothingElsewhere() throws Exception {
        fake.release = "6.1.0-56-cloud-amd64";
        acts((file, text) -> {
            dropsNlm(file, text);
            if (file.equals("clients/1/ctl")) {
                fake.client(1, "192.0.2.51:800");
            }
        });

        Outcome dry = run(data, true);
        Outcome real = run(data, false);

        assertEquals(List.of("unlock_filesystem " + data, "clients/1/ctl expire"), fake.writes);
        assertFalse(real.complete(), "client 2 has state elsewhere");
        assertEquals(1, table(dry.text()).stream().filter(line -> line.endsWith("  stays")).count(), dry.text());
        assertTrue(real.text().contains("1 of 2 NFSv4 states"), real.text());
        assertTrue(real.text().contains("NFSv4.2 192.0.2.52:800 has state elsewhere too: unmount " + data + " there, or end all that"
                + " it has by 'echo expire >/proc/fs/nfsd/clients/2/ctl'\n"), real.text());
    }

    @Test
    void aClientOfAServiceIsEndedAsTheOperatorDoes() throws Exception {
        fake.release = "6.1.0";
        fake.threads(8);
        RunningService service = TestService.at(dir).started(1).withOpened();
        when(fake.registry.others(null)).thenReturn(List.of(service));
        acts(this::dropsNlm);

        run(data, false);

        assertEquals(List.of("web 192.0.2.51:800"), ended, "both servers read the same fake files, the service's last");
    }

    @Test
    void whatAWaiterWasGrantedIsReleasedToo() throws Exception {
        fake.release = "6.1.0";
        acts((file, text) -> {
            dropsNlm(file, text);
            if (file.equals("clients/1/ctl")) {
                fake.client(1, "192.0.2.51:800");
                fake.nlm.add(FakeServers.nlm(HERE, 14, 0));
            }
        });

        run(data, false);

        assertEquals(List.of("unlock_filesystem " + data, "clients/1/ctl expire", "unlock_filesystem " + data), fake.writes);
        assertEquals(1, fake.nlm.size());
    }

    @Test
    void whatTheKernelClaimsAndWhatIsSeenAreBothTold() throws Exception {
        Outcome nothing = run(data, false);
        assertFalse(nothing.complete());
        assertTrue(nothing.text().contains("the kernel says done"), nothing.text());
        assertTrue(nothing.text().contains("seen: 0 of 2 NLM locks and waiters, 0 of 2 NFSv4 states"), nothing.text());
        assertTrue(nothing.text().contains("still held, or released and taken again:\n"), nothing.text());

        acts((file, text) -> {
            throw KernelException.of("write", file, Errno.EIO);
        });
        Outcome failed = run(data, false);
        assertFalse(failed.complete());
        assertTrue(failed.text().contains("unlock_filesystem through the node's own nfsd: write unlock_filesystem: EIO\n"),
                failed.text());
    }

    @Test
    void whatIsNewIsTold() throws Exception {
        acts((file, text) -> {
            dropsNlm(file, text);
            fake.client(1, "192.0.2.51:800", FakeServers.open(77, HERE, 14));
            fake.client(2, "192.0.2.52:800", FakeServers.open(3, THERE, 16));
        });

        Outcome outcome = run(data, false);

        assertTrue(outcome.complete(), outcome.text());
        assertTrue(outcome.text().contains("1 are new: clients that still reach the server open and lock again\n"), outcome.text());
    }

    @Test
    void onlyMountPoints() {
        refused(OcfCode.ARGS, data.resolve("export") + " is no mount point", data.resolve("export").toString());
        refused(OcfCode.ARGS, "if that is meant, give " + data, data.resolve("export").toString());
        refused(OcfCode.ARGS, "is no directory of this node", data.resolve("none").toString());
        refused(OcfCode.ARGS, "is no directory of this node", "data");
        refused(OcfCode.ARGS, "is no path", "/a\0b");
    }

    @Test
    void onlyMountsOfTheWhole() throws Exception {
        Path part = fake.mounted("part", HERE);
        Path mountinfo = dir.resolve("mountinfo");
        Files.writeString(mountinfo, Files.readString(mountinfo).replace(" / " + part, " /export " + part));
        refused(OcfCode.ARGS, part + " is a mount of /export of /dev/part only", part.toString());
        refused(OcfCode.ARGS, "if that is meant, give " + data, part.toString());
        Files.writeString(mountinfo, Files.readString(mountinfo).replace(" / " + data, " /@data " + data));
        assertTrue(run(data, true).complete(), "all of it is mounted nowhere: a subvolume of btrfs");
    }

    @Test
    void onlyFileSystemsOfNfs() throws Exception {
        Path local = fake.mounted("local", new DeviceId(254, 48));
        refused(OcfCode.ARGS, "is not exported, neither by the node's own nfsd nor by a service", local.toString());
    }

    @Test
    void whatWasExportedOnceCanBeReleased() throws Exception {
        fake.exported();
        acts((file, text) -> revokesUnchecked(file, text));
        assertTrue(run(data, false).complete());
    }

    @Test
    void withoutNfsdThereIsNothingToDo() throws Exception {
        Files.delete(fake.root.resolve("threads"));
        refused(OcfCode.NOT_RUNNING, "no nfsd runs on this node", data.toString());
        fake.threads(0);
        refused(OcfCode.NOT_RUNNING, "no nfsd runs on this node", data.toString());
    }
}
