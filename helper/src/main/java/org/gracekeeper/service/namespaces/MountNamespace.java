// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.gracekeeper.sys.MountCalls.MS_BIND;
import static org.gracekeeper.sys.MountCalls.MS_NODEV;
import static org.gracekeeper.sys.MountCalls.MS_NOSUID;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.gracekeeper.model.MountPropagation;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.MountCalls;

/**
 * What a service's daemons see of the file system. Runs on a thread that is inside the service's namespaces; the
 * mount namespace is a slave of the host's, so an unmount of the storage there reaches in here.
 */
public final class MountNamespace {
    public static final Path NFSD = Path.of("/proc/fs/nfsd");
    public static final Path NFS_STATE = Path.of("/var/lib/nfs");
    static final Path PIPEFS = Path.of("/run/rpc_pipefs");
    private static final Path NSM_LOCAL_STATE = Path.of("/proc/sys/fs/nfs/nsm_local_state");
    private static final Path RUN = Path.of("/run");
    private static final Path PRIVATE = RUN.resolve("gracekeeper-private");

    private final Kernel kernel;

    public MountNamespace(Kernel kernel) {
        this.kernel = kernel;
    }

    /** What needs nothing of a service's storage: nfsd's files, and what rpcbind needs. */
    public void mountOwn() throws IOException {
        // First of all: those of the node's own nfsd are here until then, and a stop would stop that.
        kernel.mount("nfsd", NFSD, "nfsd", 0, null);
        // The host's rpcbind socket lies in its /run and is not confined to a network namespace: were it visible here,
        // the kernel would register this service's ports with the host's rpcbind (net/sunrpc/rpcb_clnt.c).
        kernel.mount("tmpfs", RUN, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4m");
        Files.createDirectories(RUN.resolve("rpcbind"));
        Files.createDirectories(PIPEFS);
        Files.createDirectories(PRIVATE);
    }

    /** All the rest. */
    public void mountService(RunningService service) throws IOException {
        kernel.mount(service.state().nfs().toString(), NFS_STATE, null, MS_BIND, null);
        kernel.mount("rpc_pipefs", PIPEFS, "rpc_pipefs", 0, null);
        cover(Path.of("/etc/hosts"), hosts(service));
        cover(Path.of("/etc/nsswitch.conf"), nsswitch());
        cover(Path.of("/etc/nfs.conf"), nfsConf(service));
        empty(Path.of("/etc/nfs.conf.d"));
        empty(Path.of("/etc/exports.d"));
        cover(Path.of("/etc/exports"), exportsText(service));
        // statd writes its state number here, for the node's own NFS mounts; but it is the service's statd, not the node's.
        cover(NSM_LOCAL_STATE, "");
    }

    /** Replaces the export lines that exportfs reads inside the service. */
    public static void writeExports(RunningService service) throws IOException {
        // In place: the file is the source of a bind mount, and a rename would leave the old one mounted.
        Files.writeString(Path.of("/etc/exports"), exportsText(service));
    }

    /** Takes away what pins the storage or the network namespace; what is not mounted is passed over. */
    public void unmountAll() throws IOException {
        IOException first = null;
        for (Path target : List.of(NFS_STATE, PIPEFS, NFSD)) {
            try {
                if (isPrivate(target)) {
                    kernel.umount(target, 0);
                }
            } catch (IOException e) {
                first = first == null ? e : first;
            }
        }
        if (first != null) {
            throw first;
        }
    }

    /**
     * Takes out what would stay here when the node has unmounted it, as far as it is none of the namespace's own: for one in which
     * no service is, and that may last for months.
     *
     * @throws IOException none of the node's mounts is followed here
     */
    public void detachStrays() throws IOException {
        for (String stray : strays()) {
            if (stray.equals("/")) {
                throw new IOException("the node's mounts are not shared (mount --make-rshared /)");
            }
            kernel.umount(Path.of(stray), MountCalls.MNT_DETACH | MountCalls.UMOUNT_NOFOLLOW);
        }
        Optional<String> left = stray();
        if (left.isPresent()) {
            throw new IOException(left.get());
        }
    }

    /** What is wrong with a namespace in which nothing but rpcbind may be; mostly nothing. */
    public Optional<String> standbyProblem() throws IOException {
        return isPrivate(NFSD) && isPrivate(RUN) ? stray() : Optional.of("its /run or its nfsd's files are gone");
    }

    private Optional<String> stray() throws IOException {
        return strays().stream().findFirst().map(
                each -> each + " would stay mounted in its mount namespace after the node has unmounted it");
    }

    private List<String> strays() throws IOException {
        return MountPropagation.strays(Mounts.text(kernel, Mounts.MOUNTINFO), Mounts.text(kernel, Mounts.OWN_MOUNTINFO));
    }

    /** Whether the topmost mount on {@code target} is one this class made, rather than the host's seen through. */
    private boolean isPrivate(Path target) throws IOException {
        List<String[]> there = new ArrayList<>();
        Set<String> covered = new HashSet<>();
        for (String line : Mounts.text(kernel, Mounts.OWN_MOUNTINFO).split("\n")) {
            String[] fields = line.split(" ");
            if (fields.length > 6 && fields[4].equals(target.toString())) {
                there.add(fields);
                covered.add(fields[1]);
            }
        }
        // Not the last of the list: what the host mounts there later comes to lie below ours (fs/namespace.c,
        // attach_recursive_mnt). The host's mounts arrive as slaves ("master:N"), mounts made here have no peer. A bind mount of
        // a host's directory is a slave as well. What others may have mounted over the host's /var/lib/nfs
        // (ocf:heartbeat:nfsserver does) lies below ours, and to unmount its copy here changes nothing there.
        return there.stream().filter(fields -> !covered.contains(fields[0]))
                .anyMatch(fields -> target.equals(NFS_STATE) || !fields[6].startsWith("master:"));
    }

    private void cover(Path target, String content) throws IOException {
        if (!Files.exists(target)) {
            return;
        }
        Path source = PRIVATE.resolve(target.getFileName().toString());
        Files.writeString(source, content);
        // Daemons read them that have given up root.
        Files.setPosixFilePermissions(source, PosixFilePermissions.fromString("rw-r--r--"));
        kernel.mount(source.toString(), target, null, MS_BIND, null);
    }

    private void empty(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            kernel.mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k");
        }
    }

    private static String hosts(RunningService service) {
        StringBuilder text = new StringBuilder("127.0.0.1 localhost\n::1 localhost\n");
        for (int i = 0; i < service.config().addresses().size(); i++) {
            text.append(service.config().addresses().get(i).host()).append(' ')
                    .append(service.monitorName(i))
                    // statd looks its own name up, see its unit.
                    .append(i == 0 ? " " + service.config().name() : "").append('\n');
        }
        return text.toString();
    }

    /** The host's file, but names of hosts come from files only: a resolver that hangs would hang the node's lockd. */
    public static String nsswitch() throws IOException {
        return Files.readAllLines(Path.of("/etc/nsswitch.conf")).stream()
                .filter(line -> !line.matches("\\s*(hosts|networks|netgroup)\\s*:.*"))
                .collect(Collectors.joining("\n", "", "\nhosts: files\nnetworks: files\nnetgroup: files\n"));
    }

    private static String nfsConf(RunningService service) {
        String v3 = service.config().hasNfsV3() ? "y" : "n";
        // Only the helper ends grace; sm-notify would where it finds nobody to notify.
        return "[general]\npipefs-directory=" + PIPEFS + "\n[nfsd]\nvers2=n\nvers3=" + v3 + "\n[sm-notify]\nlift-grace=n\n";
    }

    private static String exportsText(RunningService service) {
        return service.exports().stream().map(e -> e.line() + "\n").collect(Collectors.joining());
    }
}
