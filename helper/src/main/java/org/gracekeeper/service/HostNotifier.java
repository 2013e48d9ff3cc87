// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
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
    private static final Path NFS_CONF = Path.of("/etc/nfs.conf");
    /** No name of a service has it, or ends with a hyphen. */
    private static final String SEPARATOR = "--";

    private final Node node;
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
    HostNotifier(Node node, DurableFiles files, Path root) {
        this(node, files, root, RecordsLayer::statdUser);
    }

    HostNotifier(Node node, DurableFiles files, Path root, Owner owner) {
        this.node = node;
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
                    Path directory = root.resolve(which);
                    damaged.addAll(prepare(directory, records, names, number, name));
                    describe(directory, address, name + "-" + i, named);
                    node.run(deadline, "systemctl", "start", unit(which));
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

    /** @return hosts with records that sm-notify could not have read */
    private List<String> prepare(Path directory, Path records, List<String> hosts, NsmState number, String server)
            throws IOException {
        UserPrincipal user = owner.get();
        for (Path each : List.of(directory, directory.resolve("sm"), directory.resolve("sm.bak"))) {
            Files.createDirectories(each);
            Files.setOwner(each, user);
        }
        List<String> damaged = nsm.copyForNotification(hosts, records, directory.resolve("sm"), server, user);
        Files.write(directory.resolve("state"), number.bytes());
        Files.setOwner(directory.resolve("state"), user);
        // sm-notify is not root when it comes here again.
        for (Path each : List.of(root, directory)) {
            Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return damaged;
    }

    /** What nfs-notify goes by, and what sm-notify sees in place of the node's own. */
    private static void describe(Path directory, InetAddress address, String monitorName, Map<String, InetAddress> named)
            throws IOException {
        write(directory.resolve("name"), monitorName + "\n");
        write(directory.resolve("hosts"), hosts(address, monitorName, named));
        write(directory.resolve("nsswitch.conf"), MountNamespace.nsswitch());
        if (Files.exists(NFS_CONF)) {
            write(directory.resolve("nfs.conf"), "[sm-notify]\nlift-grace=n\n");
        }
    }

    /** sm-notify reads it when it is not root any more. */
    private static void write(Path file, String text) throws IOException {
        Files.writeString(file, text, StandardCharsets.ISO_8859_1);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }

    /**
     * sm-notify insists on names that can be looked up: the address's own, and those of hosts. No resolver is asked, since one
     * that hangs would hold up all.
     */
    private static String hosts(InetAddress address, String monitorName, Map<String, InetAddress> named) {
        StringBuilder text = new StringBuilder("127.0.0.1 localhost\n::1 localhost\n" + AddressText.of(address) + " " + monitorName
                + "\n");
        named.forEach((name, its) -> text.append(AddressText.of(its)).append(' ').append(name).append('\n'));
        return text.toString();
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
