// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.notify;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.store.DurableFiles;

/**
 * What one run of sm-notify works on, its option -P (support/nsm/file.c of nfs-utils):
 *
 * <ul>
 * <li>{@code sm}: statd's records of the hosts to be told. sm-notify moves them to {@code sm.bak}, and deletes each when its host
 * has answered
 * <li>{@code state}: the NSM state number that they are told
 * </ul>
 *
 * <p>In a service's mount namespace sm-notify finds the rest in /etc ({@link MountNamespace}). For the node's own nfsd it is here:
 *
 * <ul>
 * <li>{@code name}: by which sm-notify knows the address that it tells hosts from. nfs-notify reads it
 * <li>{@code hosts}, {@code nsswitch.conf}, {@code nfs.conf}: gracekeeper-notify-node@.service mounts them over those of /etc
 * </ul>
 *
 * <p>All of it is root's until it is complete, and then sm-notify's: nothing is written there any more, since sm-notify could put
 * links in the way. The emergency stop makes the same for the node's own nfsd (prepare_notification in agent/nfs-emergency).
 * Nothing of it has to outlast a crash. Stateless, thread-safe as far as paths differ.
 */
final class NotifierDirectory {
    private static final Path NFS_CONF = Path.of("/etc/nfs.conf");

    private final DurableFiles files;
    private final NsmRecords nsm;
    private final Path path;

    /** @param path what is there is replaced; its parent is made passable for all */
    NotifierDirectory(DurableFiles files, Path path) {
        this.files = files.unsynced();
        this.nsm = new NsmRecords(this.files);
        this.path = path;
    }

    /**
     * What sm-notify is told, however it runs.
     *
     * @param number the NSM state number
     * @param server see {@link NsmRecords#copyForNotification}
     * @param owner asked when all is complete
     */
    record Order(NsmState number, String server, Owner owner) {}

    /** For whom sm-notify gives up root, as statd does. */
    @FunctionalInterface
    interface Owner {
        UserPrincipal get() throws IOException;
    }

    /**
     * For a service's mount namespace.
     *
     * @param records a directory of statd's records; what is used of it is copied
     * @param hosts names of those of them that are told
     * @return hosts with records that sm-notify could not have read: it gets others
     */
    List<String> makeInside(Order order, Path records, Collection<String> hosts) throws IOException {
        make();
        List<String> damaged = nsm.copyForNotification(hosts, records, sm(), order.server());
        give(order);
        return damaged;
    }

    /**
     * For outside of any.
     *
     * @param hosts addresses of those that are told
     * @param from the address that they are told from
     * @param monitorName by which sm-notify knows that
     */
    void makeOutside(Order order, Collection<String> hosts, InetAddress from, String monitorName) throws IOException {
        make();
        write("name", monitorName + "\n");
        // sm-notify insists on a name that can be looked up. No resolver is asked, since one that hangs would hold up all.
        write("hosts", "127.0.0.1 localhost\n::1 localhost\n" + AddressText.of(from) + " " + monitorName + "\n");
        write("nsswitch.conf", MountNamespace.nsswitch());
        // It is mounted over the node's, if that has one. Only the helper ends grace.
        if (Files.exists(NFS_CONF)) {
            write("nfs.conf", "[sm-notify]\nlift-grace=n\n");
        }
        nsm.makeForNotification(hosts, sm(), order.server());
        give(order);
    }

    private Path sm() {
        return path.resolve("sm");
    }

    private Path bak() {
        return path.resolve("sm.bak");
    }

    private void make() throws IOException {
        files.deleteTree(path); // sm-notify's of before
        Files.createDirectories(path.getParent());
        for (Path each : List.of(path, sm(), bak())) {
            Files.createDirectory(each);
        }
        // sm-notify is not root when it comes here again; the helper's umask is 0077.
        for (Path each : List.of(path.getParent(), path, sm(), bak())) {
            Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    private void give(Order order) throws IOException {
        Path state = path.resolve("state");
        files.write(state, order.number().bytes());
        List<Path> all = new ArrayList<>(nsm.names(sm()).stream().map(sm()::resolve).toList());
        // The directory is the last: nobody but root can put anything in the way before.
        all.addAll(List.of(state, sm(), bak(), path));
        UserPrincipal owner = order.owner().get();
        for (Path each : all) {
            Files.setOwner(each, owner);
        }
    }

    /** sm-notify reads it when it is not root any more. */
    private void write(String name, String text) throws IOException {
        Path file = path.resolve(name);
        Files.writeString(file, text, StandardCharsets.ISO_8859_1);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }
}
