// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.sys.NamespaceSet;

/**
 * The names and places of one service on this node. The agent's emergency stop, which has to do without this
 * program, uses the same ones.
 */
public record Instance(ServiceName name) {
    /** Everything of this project below /run: what a restarted helper knows of the services that run. */
    public static final Path RUN = Path.of("/run/gracekeeper");

    /** One directory per service, from before start creates anything until stop has removed everything. */
    public static final Path SERVICES = RUN.resolve("services");

    /** What the last stop and start of each service spent their time on, kept when it has left the node. */
    public static final Path TIMELINES = RUN.resolve("timelines");

    /** Which services something is prepared for here that do not run here: a file for each. */
    public static final Path STANDBYS = RUN.resolve("standby");

    /** What has to be known to prepare it, of each service that this node has started: it outlives a boot. */
    public static final Path STANDBY_PLANS = Path.of("/var/lib/gracekeeper/standby");

    /** Work of sm-notify for the node's own nfsd; not below {@link #RUN}, which only root may pass. */
    public static final Path NOTIFIERS = Path.of("/run/gracekeeper-notify");

    /** Where mount namespaces are pinned: a private mount, because a shared one takes no such pin. */
    public static final Path PINS = RUN.resolve("ns");

    /** The host's files, whatever mount namespace the helper has (proc(5), /proc/pid/root). */
    private static final Path HOST = Path.of("/proc/1/root");

    /** The service's device inside its network namespace. */
    public static final String DEVICE = "svc0";

    /** Daemons that run as template units of their own. */
    public static final List<String> DAEMONS = List.of("rpcbind", "nfsdcld", "statd", "mountd");

    /** Those of a service that offers NFSv3 too, or NFSv4 only. */
    public static List<String> daemons(boolean v3) {
        return v3 ? DAEMONS : List.of("nfsdcld", "mountd");
    }

    /** The template unit that notifies clients; other than a daemon it ends by itself. */
    public static final String NOTIFY = "notify";

    public String netns() {
        return "gk-" + name;
    }

    /** As the host has it: it is mounted there, after the helper's unit has got a mount namespace. */
    public Path netnsFile() {
        return HOST.resolve("run/netns").resolve(netns());
    }

    /** As the host has it: the kernel shows such a pin in no other mount namespace (fs/namespace.c, copy_tree). */
    public Path mountPin() {
        return HOST.resolve(Path.of("/").relativize(PINS)).resolve(name.value());
    }

    public Path runDir() {
        return SERVICES.resolve(name.value());
    }

    public String unit(String daemon) {
        return "gracekeeper-" + daemon + "@" + name + ".service";
    }

    /** The control group of its slice, below the root: systemd takes each hyphen for a level (systemd.slice(5)). */
    public Path controlGroup() {
        Path path = Path.of("gracekeeper.slice");
        String[] parts = name.value().split("-");
        for (int i = 1; i <= parts.length; i++) {
            path = path.resolve("gracekeeper-" + String.join("-", Arrays.asList(parts).subList(0, i)) + ".slice");
        }
        return path;
    }

    /** All units that are the service's own. */
    public List<String> units() {
        return Stream.concat(DAEMONS.stream(), Stream.of(NOTIFY)).map(this::unit).toList();
    }

    /** The service's network and mount namespaces. */
    public NamespaceSet inside() {
        return new NamespaceSet(netnsFile(), mountPin());
    }

    /** The service's network namespace with the host's files. */
    public NamespaceSet network() {
        return new NamespaceSet(netnsFile(), null);
    }
}
