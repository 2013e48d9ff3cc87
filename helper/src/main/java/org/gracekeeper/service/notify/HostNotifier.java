// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.nfsd.NsmRecord;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.task.Deadline;

/**
 * Tells NFSv3 hosts that the node's own nfsd has restarted (NSM SM_NOTIFY), from given addresses of the node: a host knows its
 * server by one of them, and heeds no other. Each address has an sm-notify of its own, run by nfs-notify in a unit that goes on by
 * itself; what it works on lies below /run, so it holds no file system. The emergency stop does the same. Thread-safe as far as
 * {@code name}s differ.
 */
public final class HostNotifier {
    private static final Duration LIMIT = Duration.ofSeconds(10);
    /** No name of a service has it, or ends with a hyphen. */
    private static final String SEPARATOR = "--";

    private final Node node;
    private final Systemd systemd;
    private final DurableFiles files;
    private final NsmRecords nsm;
    private final Path root;
    private final NotifierDirectory.Owner owner;

    /** @param root has a directory for each address that hosts are told from */
    public HostNotifier(Node node, Systemd systemd, DurableFiles files, Path root) {
        this(node, systemd, files, root, RecordsLayer::statdUser);
    }

    public HostNotifier(Node node, Systemd systemd, DurableFiles files, Path root, NotifierDirectory.Owner owner) {
        this.node = node;
        this.systemd = systemd;
        this.files = files;
        this.nsm = new NsmRecords(files);
        this.root = root;
        this.owner = owner;
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
    public List<String> begin(String name, Path records, List<InetAddress> addresses, NsmState number, Deadline deadline,
            Consumer<String> problems) throws IOException {
        end(name, deadline);
        Map<String, NsmRecords.ByFamily> hosts = hosts(records, problems);
        List<String> told = new ArrayList<>();
        for (int i = 0; i < addresses.size(); i++) {
            InetAddress address = addresses.get(i);
            boolean v4 = address instanceof Inet4Address;
            List<List<String>> found = hosts.values().stream().map(each -> v4 ? each.ipv4() : each.ipv6())
                    .filter(its -> !its.isEmpty()).toList();
            if (!found.isEmpty()) {
                String which = name + SEPARATOR + i + "-" + number.value();
                try {
                    Set<String> theirs = found.stream().flatMap(List::stream).collect(Collectors.toCollection(TreeSet::new));
                    new NotifierDirectory(files, root.resolve(which)).makeOutside(
                            new NotifierDirectory.Order(number, name, owner), theirs, address, name + "-" + i);
                    systemd.start(List.of(unit(which)), deadline);
                    told.add(found.size() + " hosts from " + AddressText.of(address));
                } catch (IOException e) {
                    problems.accept("NFSv3 hosts are not notified from " + AddressText.of(address) + ": " + e.getMessage());
                }
            }
        }
        return told;
    }

    /**
     * The addresses of hosts, each at which it may have to be told, by what their records are called. statd calls them by what the
     * resolver makes of an address (nfs-utils, statd_canonical_name), and the addresses are in the records: several where a host
     * has several, or hosts have one name. One without any cannot be told. sm-notify is given the addresses alone: of a name it would
     * tell one address, whichever.
     */
    private Map<String, NsmRecords.ByFamily> hosts(Path records, Consumer<String> problems) throws IOException {
        Map<String, NsmRecords.ByFamily> hosts = new TreeMap<>();
        List<String> unknown = new ArrayList<>();
        List<String> damaged = new ArrayList<>();
        for (String host : nsm.names(records)) {
            List<NsmRecord> lines = nsm.readWhole(records.resolve(host));
            Set<String> names = new TreeSet<>(Set.of(host));
            lines.forEach(line -> names.add(line.host()));
            NsmRecords.ByFamily found = NsmRecords.split(names);
            if (found.ipv4().isEmpty() && found.ipv6().isEmpty()) {
                unknown.add(host);
            } else {
                hosts.put(host, found);
                if (lines.isEmpty()) {
                    damaged.add(host);
                }
            }
        }
        if (!unknown.isEmpty()) {
            problems.accept("NFSv3 hosts of which statd has recorded a name and no address are not notified: "
                    + String.join(", ", unknown) + "; see fs.nfs.nsm_use_hostnames");
        }
        if (!damaged.isEmpty()) {
            problems.accept("statd's records of NFSv3 hosts are damaged: " + String.join(", ", damaged)
                    + ": they are notified all the same, by these names");
        }
        return hosts;
    }

    /** Ends what is under way, without waiting for it. */
    public void end(String name, Deadline deadline) throws IOException {
        List<Path> directories = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(root, name + SEPARATOR + "*")) {
            found.forEach(directories::add);
        } catch (NoSuchFileException e) {
            return;
        }
        if (!directories.isEmpty()) {
            // Whether there was one does not matter, nor whether it lives on: what it works on goes.
            node.commands().run(deadline.atMost(LIMIT), null,
                    List.of("systemctl", "--no-block", "kill", "--signal=KILL", unit(name + SEPARATOR + "*")));
        }
        for (Path each : directories) {
            files.deleteTree(each);
        }
    }

    private static String unit(String which) {
        return "gracekeeper-notify-node@" + which + ".service";
    }
}
