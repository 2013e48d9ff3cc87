// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.nfsd.NsmRecords;

/**
 * Tells the hosts of the recovery set that the server has restarted (NSM SM_NOTIFY), from each of the service's
 * addresses: a host recognizes the server by the address it knows. Each sm-notify goes on in a unit of its own, for as
 * long as it takes; a dead host delays nobody.
 */
final class NotifyLayer implements Layer {
    private final Node node;
    private final NsmRecords records;

    NotifyLayer(Node node, NsmRecords records) {
        this.node = node;
        this.records = records;
    }

    @Override
    public String name() {
        return "notify";
    }

    /**
     * The name by which sm-notify knows an address: it insists on one that can be looked up, and the private hosts
     * file has it.
     */
    static String monitorName(RunningService service, int index) {
        return service.config().name() + "-" + index;
    }

    @Override
    public void up(Operation operation) throws IOException {
        RunningService service = operation.service();
        if (!service.config().hasNfsV3()) {
            return;
        }
        for (int i = 0; i < service.config().addresses().size(); i++) {
            InetAddress address = service.config().addresses().get(i).address();
            var dir = service.state().notify(address);
            int hosts = records.names(dir.resolve("sm")).size();
            if (hosts > 0) {
                Path inside = MountNamespace.NFS_STATE.resolve(service.state().nfs().relativize(dir));
                start(operation, i, inside.toString());
                operation.info("notifying " + hosts + " hosts from " + service.config().addresses().get(i).host());
            }
        }
    }

    @Override
    public void down(Operation operation) throws IOException {
        RunningService service = operation.service();
        List<String> argv = new ArrayList<>(List.of("systemctl", "--no-block", "stop"));
        for (int i = 0; i < service.config().addresses().size(); i++) {
            argv.add(operation.instance().notifyUnit(i));
        }
        // A unit that has ended is no longer loaded; that is not worth a word. The processes go with the daemons.
        node.commands().run(operation.deadline().remaining(), null, argv);
    }

    @Override
    public Optional<String> check(Operation operation) {
        return Optional.empty();
    }

    private void start(Operation operation, int index, String dir) throws IOException {
        Instance instance = operation.instance();
        node.run(operation.deadline(), "systemd-run", "--quiet", "--collect", "--no-block",
                "--unit=" + instance.notifyUnit(index),
                "--description=NSM notifications of NFS service " + instance.name(),
                "nsenter", "--net=" + instance.netnsFile(), "--mount=" + instance.mountPin(), "--",
                // -d stays in the foreground; -n: the state number was counted up once for all addresses; and only the
                // helper ends grace, else sm-notify would when it has nobody to notify.
                "sm-notify", "-d", "-f", "-n", "-P", dir, "-v", monitorName(operation.service(), index));
    }
}
