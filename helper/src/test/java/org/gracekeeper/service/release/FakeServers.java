// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.server.NfsServers;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.task.Deadline;

/** A node with an nfsd file system of plain files, which all its servers share, and a kernel that acts on what is written. */
public final class FakeServers {
    public static final DeviceId HERE = new DeviceId(254, 16);
    public static final DeviceId THERE = new DeviceId(254, 32);

    public final Node node = mock(Node.class);
    public final Kernel kernel = mock(Kernel.class);
    public final Holdings holdings = mock(Holdings.class);
    public final Registry registry = mock(Registry.class);
    /** NLM's part of /proc/locks. */
    public final List<LockLine> nlm = new ArrayList<>();
    /** What was written, in order: {@code FILE TEXT}. */
    public final List<String> writes = new ArrayList<>();
    final List<String> logged = new ArrayList<>();
    public final Path root;
    public final NfsdFs nfsd;
    public final NfsServers servers;
    /** What the kernel does with a write. */
    public Effect effect = (file, text) -> { };
    public String release = "6.12.117+deb12-cloud-amd64";

    public interface Effect {
        void of(String file, String text) throws IOException;
    }

    public FakeServers(Path dir) throws Exception {
        root = Files.createDirectories(dir.resolve("nfsd"));
        nfsd = new NfsdFs(kernel, root);
        servers = new NfsServers(node, nfsd, registry, dir.resolve("etab"));
        when(node.kernel()).thenReturn(kernel);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(node.kernelRelease()).thenAnswer(call -> release);
        when(registry.others(null)).thenReturn(List.of());
        when(kernel.read(any(), anyInt())).thenAnswer(call -> read(call.getArgument(0)));
        doAnswer(call -> {
            String file = root.relativize(call.getArgument(0)).toString();
            String text = new String(call.<byte[]>getArgument(1), StandardCharsets.UTF_8).strip();
            writes.add(file + " " + text);
            effect.of(file, text);
            return null;
        }).when(kernel).writeOnce(any(), any());
        when(holdings.nlmLines(any())).thenAnswer(call -> nlm.stream()
                .filter(line -> call.<Collection<DeviceId>>getArgument(0).contains(line.dev())).toList());
        when(holdings.nlmDevices()).thenAnswer(call -> nlm.stream().map(LockLine::dev)
                .collect(java.util.stream.Collectors.toSet()));
        when(holdings.nlmWaiterDevices()).thenAnswer(call -> nlm.stream().filter(LockLine::waiter).map(LockLine::dev)
                .collect(java.util.stream.Collectors.toSet()));
        when(holdings.nfs4Lines(any())).thenReturn(List.of());
    }

    private byte[] read(Path file) throws IOException {
        if (file.equals(Mounts.MOUNTINFO) || file.equals(Mounts.OWN_MOUNTINFO)) {
            return Files.readAllBytes(root.resolveSibling("mountinfo"));
        }
        if (!file.startsWith(root)) {
            return new byte[0];
        }
        if (!Files.exists(file)) {
            throw KernelException.of("open", file.toString(), Errno.ENOENT);
        }
        return Files.readAllBytes(file);
    }

    /** nfsd runs. */
    public void threads(int count) throws IOException {
        Files.writeString(root.resolve("threads"), count + "\n");
    }

    /** A directory with a file system of its own. */
    public Path mounted(String name, DeviceId device) throws IOException {
        Path point = Files.createDirectories(root.resolveSibling(name)).toRealPath();
        Path mountinfo = root.resolveSibling("mountinfo");
        String before = Files.exists(mountinfo) ? Files.readString(mountinfo) : "22 1 254:0 / / rw - ext4 /dev/vda rw\n";
        Files.writeString(mountinfo, before + "30 22 " + device + " / " + point + " rw - ext4 /dev/" + name + " rw\n");
        return point;
    }

    public void unmount(Path point) throws IOException {
        Path mountinfo = root.resolveSibling("mountinfo");
        Files.write(mountinfo, Files.readAllLines(mountinfo).stream().filter(line -> !line.contains(" " + point + " ")).toList());
    }

    public void exported(Path... paths) throws IOException {
        StringBuilder text = new StringBuilder();
        for (Path path : paths) {
            text.append(path).append("\t*(rw,no_subtree_check)\n");
        }
        Files.writeString(root.resolveSibling("etab"), text);
    }

    /** @param states lines of its file states */
    public void client(int number, String address, String... states) throws IOException {
        Path directory = Files.createDirectories(root.resolve("clients").resolve(Integer.toString(number)));
        Files.writeString(directory.resolve("info"), "clientid: 0x" + number + "\naddress: \"" + address
                + "\"\nstatus: confirmed\nname: \"c" + number + "\"\nminor version: 2\n");
        Files.writeString(directory.resolve("states"), String.join("\n", states) + "\n");
    }

    public static String open(int id, DeviceId device, long inode) {
        return String.format("- 0x00000001%08x: { type: open, access: rw, deny: --, superblock: \"%02x:%02x:%d\", filename: \"x\" }",
                id, device.major(), device.minor(), inode);
    }

    public static LockLine nlm(DeviceId device, long inode, long start) {
        return new LockLine(LockLine.Kind.POSIX, LockLine.Access.WRITE, 99, device, inode, start, start + 9, false);
    }

    public static LockLine nlmWaiter(DeviceId device, long inode) {
        return new LockLine(LockLine.Kind.POSIX, LockLine.Access.WRITE, 99, device, inode, 0, 9, true);
    }

    Unlock.Call call(boolean dryRun) {
        return new Unlock.Call(dryRun, Deadline.after(Duration.ofSeconds(20)), logged::add);
    }
}
