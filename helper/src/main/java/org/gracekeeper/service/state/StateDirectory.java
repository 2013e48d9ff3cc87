// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.net.InetAddress;
import java.nio.file.Path;
import org.gracekeeper.model.AddressText;

/**
 * The layout of a service's state directory, which lies on the storage that moves with the service.
 *
 * <p>{@code nfs} becomes /var/lib/nfs inside the service's mount namespace; {@code nsm} is the NSM recovery set: a
 * record for each host that has to be told of the move, kept until NLM grace has ended; {@code nfs/notify} has copies
 * of it for sm-notify.
 */
public record StateDirectory(Path root) {

    public Path record() {
        return root.resolve("gracekeeper.json");
    }

    public Path nfs() {
        return root.resolve("nfs");
    }

    /** statd's records of the hosts it monitors. */
    public Path sm() {
        return nfs().resolve("sm");
    }

    public Path smBak() {
        return nfs().resolve("sm.bak");
    }

    /** The NSM state number, as nfs-utils keeps it. */
    public Path nsmState() {
        return nfs().resolve("state");
    }

    /** nfsdcld's database of NFSv4 clients. */
    public Path clientDatabase() {
        return nfs().resolve("nfsdcld").resolve("main.sqlite");
    }

    /** The database as it was before a start of which no client has seen anything yet. */
    public Path clientDatabaseBefore() {
        return nfs().resolve("nfsdcld").resolve("before.sqlite");
    }

    /** Which of nfsdcld's recoveries is over, see {@code RecordsLayer.noteGraceOver}. */
    public Path graceOver() {
        return root.resolve("grace-over");
    }

    public Path nsm() {
        return root.resolve("nsm");
    }

    /** There while the recovery set may lack hosts, because it was not there, see {@code ClaimLayer}. */
    public Path nsmLost() {
        return root.resolve("nsm-lost");
    }

    /** statd's records of hosts that an administrator ended, see {@code RecordsLayer.expire}. */
    public Path expired() {
        return root.resolve("expired");
    }

    /**
     * What one sm-notify consumes: a part of the recovery set, to be told from one address.
     *
     * @param connected whether that are the hosts that had a connection, or all others
     */
    public Path notify(InetAddress address, boolean connected) {
        return notifyRoot().resolve(AddressText.of(address) + (connected ? ".connected" : ""));
    }

    /** Below {@link #nfs()}, so that sm-notify, no longer root, need not pass the directories above. */
    public Path notifyRoot() {
        return nfs().resolve("notify");
    }

    /** What was held at the last stop. */
    public Path ledger() {
        return root.resolve("ledger");
    }

    /** How the last stop went, see {@link TimelineStore}. */
    public Path timeline() {
        return root.resolve("timeline");
    }

    /** Room for the next stop and start, see {@link Reserve}. */
    public Path reserve() {
        return root.resolve("reserve");
    }

    /** The NFSv4 clients of a service that shares the node's nfsd, see {@code SharedRecordsLayer}. */
    public Path clients() {
        return root.resolve("clients");
    }

    public Path peers() {
        return root.resolve("peers");
    }
}
