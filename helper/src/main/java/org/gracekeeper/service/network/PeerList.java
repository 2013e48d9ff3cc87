// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.network;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.gracekeeper.net.TcpPeer;
import org.gracekeeper.net.TcpPeers;
import org.gracekeeper.service.stack.Damaged;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.StateDirectory;
import org.gracekeeper.store.DurableFiles;

/**
 * The TCP connections of a service, in its state directory: the next node resets them, so that clients need not wait for
 * their next retransmission. Stateless; one at a time for a service.
 */
public final class PeerList {
    private final DurableFiles files;

    public PeerList(DurableFiles files) {
        this.files = files;
    }

    /** Those of the previous node, as far as they can be read: no reason for a start to fail. */
    public List<TcpPeer> before(Operation operation) {
        StateDirectory state = operation.state();
        try {
            List<TcpPeer> found = read(state);
            if (Files.exists(state.peers()) && found.size() < text(state).lines().count()) {
                Damaged.keep(operation, files, state.peers(), "it has lines that are no connections",
                        "clients whose connections are not known resume some seconds later");
            }
            return found;
        } catch (IOException e) {
            operation.warn("connections of the previous node are not known, clients resume some seconds later: "
                    + e.getMessage());
            return List.of();
        }
    }

    /** What can be read of it; a damaged line costs its client some seconds, and nothing else. */
    public List<TcpPeer> read(StateDirectory state) throws IOException {
        return Files.exists(state.peers()) ? TcpPeers.parseFormatted(text(state)) : List.of();
    }

    /**
     * @param recovered whether recovery has ended; before that there may be clients that have not come to this node yet,
     *     and would not be known any more if it died now
     */
    public void save(StateDirectory state, Collection<TcpPeer> now, boolean recovered) throws IOException {
        Set<TcpPeer> all = new LinkedHashSet<>(recovered ? List.of() : read(state));
        all.addAll(now);
        byte[] bytes = TcpPeers.format(all).getBytes(StandardCharsets.US_ASCII);
        Path file = state.peers();
        if (!Files.exists(file) || !Arrays.equals(bytes, Files.readAllBytes(file))) {
            files.write(file, bytes);
        }
    }

    /** Every byte is some character of this one. */
    private static String text(StateDirectory state) throws IOException {
        return Files.readString(state.peers(), StandardCharsets.ISO_8859_1);
    }
}
