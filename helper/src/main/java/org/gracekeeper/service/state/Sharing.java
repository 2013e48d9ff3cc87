// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.sys.Kernel;

/** What two services of a node cannot both have, at a start and when parameters change. Stateless, thread-safe. */
public final class Sharing {
    private final Kernel kernel;

    public Sharing(Kernel kernel) {
        this.kernel = kernel;
    }

    /**
     * Refuses what others have of that which a service would have. Its storage, which may hang, is read here and no more later.
     *
     * @throws IOException a directory of it cannot be looked at
     */
    public Registry.Refusal refusal(RunningService service) throws IOException {
        Map<Path, DeviceId> devices = devices(service);
        return others -> {
            for (RunningService other : others) {
                refuse(service, devices, other);
            }
        };
    }

    /** @param devices of the file systems that the service uses, by path */
    private static void refuse(RunningService service, Map<Path, DeviceId> devices, RunningService other) throws OcfException {
        // In the other's namespace, where a look at the node's devices does not find it.
        if (!other.config().isShared() && !service.config().isShared()
                && StandbyPlan.needed(other).excludes(StandbyPlan.needed(service))) {
            throw new OcfException(OcfCode.ARGS, "parameter link_type: device " + service.parent() + " already carries "
                    + other.config().linkType().kind() + ", for service " + other.config().name() + ", and the kernel"
                    + " allows one kind on a device: use link_type=" + other.config().linkType().kind());
        }
        if (other.config().isShared() && service.config().isShared()
                && !other.config().scope().equals(service.config().scope())) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter scope: service " + other.config().name() + " on this node has "
                    + (other.config().scope().isEmpty() ? "none" : other.config().scope()) + ", and the node's nfsd serves"
                    + " both: give them the same");
        }
        for (InetPrefix address : service.config().addresses()) {
            if (other.config().addresses().stream().anyMatch(a -> a.address().equals(address.address()))) {
                throw new OcfException(OcfCode.ARGS, "parameter ip: " + address.host() + " is already an address of"
                        + " service " + other.config().name() + " on this node: give each service its own");
            }
        }
        for (Map.Entry<Path, DeviceId> used : devices.entrySet()) {
            if (other.devices().contains(used.getValue())) {
                throw new OcfException(OcfCode.ARGS, "the file system of " + used.getKey() + " is already used by service "
                        + other.config().name() + " on this node: two services on one file system would not see each"
                        + " other's grace; give each a file system of its own");
            }
        }
        for (PlannedExport export : service.exports()) {
            if (other.exports().stream().anyMatch(e -> e.fsid().equals(export.fsid()))) {
                throw new OcfException(OcfCode.CONFIGURED, "fsid " + export.fsid() + " of " + export.path() + " is"
                        + " already used by service " + other.config().name() + ": lockd would take their files"
                        + " for the same; leave fsid out, or use another UUID");
            }
        }
    }

    private Map<Path, DeviceId> devices(RunningService service) throws IOException {
        List<Path> paths = new ArrayList<>(service.exports().stream().map(PlannedExport::directory).toList());
        paths.add(service.config().stateDir());
        Map<Path, DeviceId> devices = new LinkedHashMap<>();
        for (Path path : paths) {
            devices.put(path, DeviceId.ofDevT(kernel.deviceOf(path)));
        }
        return devices;
    }
}
