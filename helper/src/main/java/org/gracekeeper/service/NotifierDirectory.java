// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.gracekeeper.model.AddressText;
import org.gracekeeper.nfsd.NsmRecords;
import org.gracekeeper.nfsd.NsmState;
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
 * Nothing of it has to outlast a crash. An object is for one thread, and no two at once for a path.
 */
final class NotifierDirectory {
    private static final Path NFS_CONF = Path.of("/etc/nfs.conf");

    private final DurableFiles files;
    private final NsmRecords nsm;
    private final Path path;
    private boolean made;

    /** @param path what is there goes with the first call; its parent is made passable for all */
    NotifierDirectory(DurableFiles files, Path path) {
        this.files = files;
        this.nsm = new NsmRecords(files);
        this.path = path;
    }

    /**
     * Completes it, and gives it to sm-notify.
     *
     * @param records a directory of statd's records; what is used of it is copied
     * @param hosts names of those of them that are told
     * @param server see {@link NsmRecords#copyForNotification}
     * @param owner for whom sm-notify gives up root, as statd does
     * @return hosts with records that sm-notify could not have read: it gets others
     */
    List<String> fill(Path records, Collection<String> hosts, NsmState number, String server, UserPrincipal owner)
            throws IOException {
        make();
        Path sm = path.resolve("sm");
        Path bak = path.resolve("sm.bak");
        Path state = path.resolve("state");
        List<String> damaged = nsm.copyForNotification(hosts, records, sm, server, owner);
        files.writeUnsynced(state, number.bytes());
        // The directory is the last: nobody but root can put anything in the way before.
        for (Path each : List.of(state, sm, bak, path)) {
            Files.setOwner(each, owner);
        }
        return damaged;
    }

    private void make() throws IOException {
        if (!made) {
            files.deleteTree(path); // sm-notify's of before
            Files.createDirectories(path.getParent());
            for (Path each : List.of(path, path.resolve("sm"), path.resolve("sm.bak"))) {
                Files.createDirectory(each);
            }
            // sm-notify is not root when it comes here again; the helper's umask is 0077.
            for (Path each : List.of(path.getParent(), path, path.resolve("sm"), path.resolve("sm.bak"))) {
                Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
            made = true;
        }
    }

    /**
     * For sm-notify outside of a service's mount namespace. To be called before {@link #fill}.
     *
     * @param address that hosts are told from
     * @param monitorName by which sm-notify knows it
     * @param named addresses of hosts whose records are called by another name
     */
    void describe(InetAddress address, String monitorName, Map<String, InetAddress> named) throws IOException {
        make();
        write("name", monitorName + "\n");
        write("hosts", hosts(address, monitorName, named));
        write("nsswitch.conf", MountNamespace.nsswitch());
        // It is mounted over the node's, if that has one. Only the helper ends grace.
        if (Files.exists(NFS_CONF)) {
            write("nfs.conf", "[sm-notify]\nlift-grace=n\n");
        }
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

    /** sm-notify reads it when it is not root any more. */
    private void write(String name, String text) throws IOException {
        Path file = path.resolve(name);
        Files.writeString(file, text, StandardCharsets.ISO_8859_1);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }
}
