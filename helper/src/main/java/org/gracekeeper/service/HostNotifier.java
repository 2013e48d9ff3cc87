// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.nfsd.NsmRecord;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.store.DurableFiles;

/**
 * Tells NFSv3 hosts that the node's own nfsd has restarted (NSM SM_NOTIFY), from given addresses of the node: a host knows its
 * server by one of them, and heeds no other. Each address has an sm-notify of its own, a transient unit of systemd's that goes
 * on by itself; what it works on lies below /run, so it holds no file system. Thread-safe as far as {@code name}s differ.
 */
final class HostNotifier {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Node node;
    private final DurableFiles files;
    private final NsmRecords nsm;
    private final Path root;

    /** @param root has a directory for each {@code name} */
    HostNotifier(Node node, DurableFiles files, Path root) {
        this.node = node;
        this.files = files;
        this.nsm = new NsmRecords(files);
        this.root = root;
    }

    /**
     * Replaces what is under way under this name. What fails for one address is no matter for the others.
     *
     * @param records a directory of statd's records; copied before this returns
     * @param addresses that the node has
     * @param number none that a host was told before
     * @param problems gets what failed, in words
     * @return how many hosts are told, for each address that has any, in words
     */
    List<String> begin(String name, Path records, List<InetAddress> addresses, NsmState number, Deadline deadline,
            Consumer<String> problems) throws IOException {
        end(name, deadline);
        NsmRecords.ByFamily hosts = NsmRecords.split(nsm.names(records));
        List<String> told = new ArrayList<>();
        for (int i = 0; i < addresses.size(); i++) {
            InetAddress address = addresses.get(i);
            List<String> names = new ArrayList<>(address instanceof Inet4Address ? hosts.ipv4() : hosts.ipv6());
            names.addAll(hosts.others());
            if (!names.isEmpty()) {
                String which = i + "-" + number.value();
                try {
                    start(unit(name, which), prepare(name, which, records, names, number), address, name + "-" + i, deadline);
                    told.add(names.size() + " hosts from " + AddressText.of(address));
                } catch (IOException e) {
                    problems.accept("NFSv3 hosts are not notified from " + AddressText.of(address) + ": " + e.getMessage());
                }
            }
        }
        return told;
    }

    /** Ends what is under way, without waiting for it. */
    void end(String name, Deadline deadline) throws IOException {
        Path directory = root.resolve(name);
        if (Files.isDirectory(directory)) {
            // Whether there was one does not matter, nor whether it lives on: what it works on goes.
            node.commands().run(deadline.atMost(LIMIT), null,
                    List.of("systemctl", "--no-block", "kill", "--signal=KILL", unit(name, "*")));
            files.deleteTree(directory);
        }
    }

    private Path prepare(String name, String which, Path records, List<String> hosts, NsmState number) throws IOException {
        Path directory = root.resolve(name).resolve(which);
        UserPrincipal owner = RecordsLayer.statdUser();
        for (Path each : List.of(directory, directory.resolve("sm"), directory.resolve("sm.bak"))) {
            Files.createDirectories(each);
            Files.setOwner(each, owner);
        }
        nsm.copy(hosts, records, directory.resolve("sm"));
        Files.write(directory.resolve("state"), number.bytes());
        Files.setOwner(directory.resolve("state"), owner);
        // sm-notify is not root when it comes here again.
        for (Path each : List.of(root, root.resolve(name), directory)) {
            Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return directory;
    }

    private void start(String unit, Path directory, InetAddress address, String monitorName, Deadline deadline)
            throws IOException {
        Path hosts = directory.resolve("hosts");
        Path nsswitch = directory.resolve("nsswitch.conf");
        Path conf = directory.resolve("nfs.conf");
        Files.writeString(hosts, hosts(directory.resolve("sm"), address, monitorName), StandardCharsets.ISO_8859_1);
        Files.writeString(nsswitch, MountNamespace.nsswitch());
        Files.writeString(conf, "[sm-notify]\nlift-grace=n\n");
        List<String> argv = new ArrayList<>(List.of("systemd-run", "--quiet", "--collect", "--unit=" + unit,
                "--property=Type=forking", "--property=Before=pacemaker.service pacemaker_remote.service",
                // It would tell the node's own NFS client this number, which is not its server's.
                "--property=ProtectKernelTunables=yes", "--property=TimeoutStopSec=5"));
        for (Path own : List.of(hosts, nsswitch, conf)) {
            Path place = Path.of("/etc").resolve(own.getFileName());
            if (Files.exists(place)) {
                argv.add("--property=BindReadOnlyPaths=" + own + ":" + place);
            }
        }
        argv.addAll(List.of("sm-notify", "-f", "-n", "-P", directory.toString(), "-v", monitorName));
        node.run(deadline, argv.toArray(String[]::new));
    }

    /**
     * It insists on names that can be looked up: the address's own, and those of hosts, which the node's statd records by their
     * canonical names (nfs-utils, statd_canonical_name); the address of each is in its record. No resolver is asked, since one
     * that hangs would hold up all.
     */
    private String hosts(Path records, InetAddress address, String monitorName) throws IOException {
        StringBuilder text = new StringBuilder("127.0.0.1 localhost\n::1 localhost\n" + AddressText.of(address) + " " + monitorName
                + "\n");
        for (String name : NsmRecords.split(nsm.names(records)).others()) {
            nsm.read(records.resolve(name)).stream().map(NsmRecord::host).filter(HostNotifier::isAddress).findFirst()
                    .ifPresent(found -> text.append(found).append(' ').append(name).append('\n'));
        }
        return text.toString();
    }

    private static boolean isAddress(String text) {
        try {
            InetPrefix.parseLiteral(text);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** No name of a service has a colon. */
    private static String unit(String name, String which) {
        return "gracekeeper-notify-node@" + name + ":" + which + ".service";
    }
}
