// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.node.InotifyRoom;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;

/**
 * The service's nfsdcld, the only daemon that nfsd itself waits for. It needs the clients' database as {@link RecordsLayer}
 * leaves it, and no rpcbind, so it is asked for as soon as that is there, and alone: of units that are asked for together systemd
 * begins with the lowest nice level, and then goes by their names (unit_compare_priority in src/core/unit.c), by which the
 * notifications and mountd would come first. It becomes ready while the layers above are built. {@link DaemonsLayer} waits for it,
 * looks at it and takes it down, with the others.
 */
public final class TrackerLayer implements UncheckedLayer {
    static final String NFSDCLD = "nfsdcld";

    private final DaemonUnits units;
    private final InotifyRoom room;

    public TrackerLayer(DaemonUnits units, InotifyRoom room) {
        this.units = units;
        this.room = room;
    }

    @Override
    public String name() {
        return "tracker";
    }

    @Override
    public void up(Operation operation) throws IOException {
        try {
            room.make();
        } catch (IOException e) {
            operation.warn("fs.inotify.max_user_instances: " + e.getMessage()); // there may be room all the same
        }
        units.requestStart(operation, List.of(NFSDCLD));
    }

    @Override
    public void down(Operation operation) {}
}
