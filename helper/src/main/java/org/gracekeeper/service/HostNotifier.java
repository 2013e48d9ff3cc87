// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.nfsd.NsmRecord;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.store.DurableFiles;

/**
 * Tells NFSv3 hosts that the node's own nfsd has restarted (NSM SM_NOTIFY), from given addresses of the node: a host knows its
 * server by one of them, and heeds no other. Each address has an sm-notify of its own, run by nfs-notify in a unit that goes on by
 * itself; what it works on lies below /run, so it holds no file system. The emergency stop does the same. Thread-safe as far as
 * {@code name}s differ.
 */
final class HostNotifier {
    private static final System.Logger LOG = System.getLogger(HostNotifier.class.getName());
    private static final Duration LIMIT = Duration.ofSeconds(10);
    /** No name of a service has it, or ends with a hyphen. */
    private static final String SEPARATOR = "--";

    private final Node node;
    private final Systemd systemd;
    private final DurableFiles files;
    private final NsmRecords nsm;
    private final Path root;
    private final Owner owner;

    /** For whom sm-notify gives up root. */
    @FunctionalInterface
    interface Owner {
        UserPrincipal get() throws IOException;
    }

    /** @param root has a directory for each address that hosts are told from */
    HostNotifier(Node node, Systemd systemd, DurableFiles files, Path root) {
        this(node, systemd, files, root, RecordsLayer::statdUser);
    }

    HostNotifier(Node node, Systemd systemd, DurableFiles files, Path root, Owner owner) {
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
    List<String> begin(String name, Path records, List<InetAddress> addresses, NsmState number, Deadline deadline,
            Consumer<String> problems) throws IOException {
        end(name, deadline);
        NsmRecords.ByFamily hosts = NsmRecords.split(nsm.names(records));
        Map<String, InetAddress> named = named(records, hosts.others());
        List<String> unknown = hosts.others().stream().filter(host -> !named.containsKey(host)).toList();
        if (!unknown.isEmpty()) {
            problems.accept("NFSv3 hosts of which statd has recorded a name and no address are not notified: "
                    + String.join(", ", unknown) + "; see fs.nfs.nsm_use_hostnames");
        }
        List<String> told = new ArrayList<>();
        Set<String> damaged = new TreeSet<>();
        for (int i = 0; i < addresses.size(); i++) {
            InetAddress address = addresses.get(i);
            List<String> names = new ArrayList<>(address instanceof Inet4Address ? hosts.ipv4() : hosts.ipv6());
            named.forEach((host, its) -> {
                if (its.getClass() == address.getClass()) {
                    names.add(host);
                }
            });
            if (!names.isEmpty()) {
                String which = name + SEPARATOR + i + "-" + number.value();
                try {
                    NotifierDirectory directory = new NotifierDirectory(files, root.resolve(which));
                    directory.describe(address, name + "-" + i, named);
                    damaged.addAll(directory.fill(records, names, number, name, owner.get()));
                    systemd.start(List.of(unit(which)), deadline);
                    told.add(names.size() + " hosts from " + AddressText.of(address));
                } catch (IOException e) {
                    problems.accept("NFSv3 hosts are not notified from " + AddressText.of(address) + ": " + e.getMessage());
                }
            }
        }
        if (!damaged.isEmpty()) {
            problems.accept("statd's records of NFSv3 hosts are damaged: " + String.join(", ", damaged)
                    + ": they are notified all the same, by these names");
        }
        return told;
    }

    /** Ends what is under way, without waiting for it. */
    void end(String name, Deadline deadline) throws IOException {
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

    /**
     * The addresses of hosts that the node's statd records by their canonical names (nfs-utils, statd_canonical_name): they are
     * in the records. A host that has none there cannot be told.
     */
    private Map<String, InetAddress> named(Path records, List<String> names) throws IOException {
        Map<String, InetAddress> named = new TreeMap<>();
        for (String name : names) {
            try {
                nsm.read(records.resolve(name)).stream().map(NsmRecord::host).filter(HostNotifier::isAddress).findFirst()
                        .ifPresent(found -> named.put(name, InetPrefix.parseLiteral(found)));
            } catch (UnexpectedFormatException e) {
                LOG.log(System.Logger.Level.WARNING, "NFSv3 host " + name + " cannot be told: " + e.getMessage());
            }
        }
        return named;
    }

    private static boolean isAddress(String text) {
        try {
            InetPrefix.parseLiteral(text);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static String unit(String which) {
        return "gracekeeper-notify-node@" + which + ".service";
    }
}
