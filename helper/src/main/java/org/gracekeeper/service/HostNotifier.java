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
import org.gracekeeper.model.AddressText;
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
     * Replaces what is under way under this name.
     *
     * @param records a directory of statd's records; copied before this returns
     * @param addresses that the node has
     * @param number none that a host was told before
     * @return how many hosts are told, for each address that has any, in words
     * @throws IOException the records cannot be read, or systemd takes no unit
     */
    List<String> begin(String name, Path records, List<InetAddress> addresses, NsmState number, Deadline deadline)
            throws IOException {
        end(name, deadline);
        NsmRecords.ByFamily hosts = NsmRecords.split(nsm.names(records));
        List<String> told = new ArrayList<>();
        for (int i = 0; i < addresses.size(); i++) {
            InetAddress address = addresses.get(i);
            List<String> names = new ArrayList<>(address instanceof Inet4Address ? hosts.ipv4() : hosts.ipv6());
            names.addAll(hosts.others());
            if (!names.isEmpty()) {
                String monitorName = name + "-" + i;
                Path directory = prepare(name, i, records, names, number);
                start(unit(name, Integer.toString(i)), directory, address, monitorName, deadline);
                told.add(names.size() + " hosts from " + AddressText.of(address));
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

    private Path prepare(String name, int index, Path records, List<String> hosts, NsmState number) throws IOException {
        Path directory = root.resolve(name).resolve(index + "-" + number.value());
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
        // It insists on a name that can be looked up, and waits for whatever else the node's resolver asks.
        Path hosts = directory.resolve("hosts");
        Path nsswitch = directory.resolve("nsswitch.conf");
        Files.writeString(hosts, "127.0.0.1 localhost\n::1 localhost\n" + AddressText.of(address) + " " + monitorName + "\n",
                StandardCharsets.US_ASCII);
        Files.writeString(nsswitch, MountNamespace.nsswitch());
        node.run(deadline, "systemd-run", "--quiet", "--collect", "--unit=" + unit, "--property=Type=forking",
                "--property=BindReadOnlyPaths=" + hosts + ":/etc/hosts",
                "--property=BindReadOnlyPaths=" + nsswitch + ":/etc/nsswitch.conf",
                "--property=Before=pacemaker.service pacemaker_remote.service", "--property=TimeoutStopSec=5",
                "sm-notify", "-f", "-n", "-P", directory.toString(), "-v", monitorName);
    }

    private static String unit(String name, String index) {
        return "gracekeeper-notify-" + name + "-" + index + ".service";
    }
}
