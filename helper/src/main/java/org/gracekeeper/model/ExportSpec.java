// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.file.Path;
import java.util.List;

/**
 * One exported directory, as exports(5) lines say it.
 *
 * @param path absolute and normalized
 * @param clients in the order of the line; never empty
 */
public record ExportSpec(Path path, List<Client> clients) {

    public ExportSpec {
        clients = List.copyOf(clients);
    }

    /**
     * One client specification with its options.
     *
     * @param host as written: an address, a network, a host name, {@code *}
     * @param options the line's default options first, then the client's own; without {@code fsid=}
     * @param fsid the UUID given by the line, or null
     */
    public record Client(String host, List<String> options, String fsid) {
        public Client {
            options = List.copyOf(options);
        }
    }
}
