// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.net.LocalAddresses;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.notify.HostNotifier;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;

/**
 * The NFSv3 hosts of the node's own nfsd at its restart: who they are is kept before, they are told afterwards, and forgotten
 * when nobody can reclaim any more. Thread-safe as far as restarts do not overlap.
 */
public final class RestartHosts {
    private static final System.Logger LOG = System.getLogger(RestartHosts.class.getName());
    /** Of no operation's time: whoever asked for the restart has been answered, and hosts have to be told all the same. */
    private static final Duration LIMIT = Duration.ofSeconds(30);
    /** Also a part of a unit's name; no service's can begin so. */
    private static final String NODE = "_node";

    private final Node node;
    private final NodeGrace grace;
    private final SharedRecordsLayer records;
    private final HostNotifier notifier;
    private final RestartState state;

    public RestartHosts(Node node, NodeGrace grace, SharedRecordsLayer records, HostNotifier notifier, RestartState state) {
        this.node = node;
        this.grace = grace;
        this.records = records;
        this.notifier = notifier;
        this.state = state;
    }

    /**
     * Keeps who they are: a stop of lockd makes statd forget them.
     *
     * @return the NSM state number of this restart, which all of them are to be told. It is counted up here and not when they are
     *     told: should the emergency stop have to do that, it takes what it finds
     */
    NsmState keep() throws IOException {
        state.keepHosts(records.statd());
        return state.nextNumber(Instant.now());
    }

    /** Once more, when nobody can come any more: one who got a lock since they were kept would be forgotten. */
    void keepLast() throws IOException {
        state.keepHosts(records.statd());
    }

    /**
     * Does nothing where nobody has to be told any more.
     *
     * @param sharing services that they may know the server by
     * @param number as {@link #keep} returned it
     */
    void tell(List<RunningService> sharing, NsmState number) throws IOException, InterruptedException {
        if (haveToBeTold()) {
            send(sharing, number);
        }
    }

    /**
     * The same for a restart that did not end. Some may have been told its number, by the helper before or by the emergency stop,
     * and by now of an nfsd that has ended: they would not heed it again. Nor is a unit that is just being killed sure to start,
     * and units are called by the number ({@link HostNotifier}). So it is another one.
     */
    void tellAnew(List<RunningService> sharing) throws IOException, InterruptedException {
        if (haveToBeTold()) {
            send(sharing, state.nextNumber(Instant.now()));
        }
    }

    /** Never without grace: hosts would try to reclaim, be refused, and forget their locks. */
    private boolean haveToBeTold() throws IOException, InterruptedException {
        return !state.isTold() && !grace.nlmEnded();
    }

    private void send(List<RunningService> sharing, NsmState number) throws IOException, InterruptedException {
        List<String> told = notifier.begin(NODE, state.hosts(), addresses(sharing), number, Deadline.after(LIMIT),
                problem -> LOG.log(System.Logger.Level.ERROR, "restart of nfsd: " + problem));
        if (!told.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "nfsd has restarted: notifying " + String.join(", ", told));
        }
    }

    /** Does nothing while they may reclaim, or have to be told yet. */
    void forget() throws IOException, InterruptedException {
        if (Files.exists(state.hosts()) && !state.isUnfinished() && !grace.inGrace()) {
            state.forgetHosts(records.statd());
        }
    }

    private List<InetAddress> addresses(List<RunningService> sharing) throws InterruptedException {
        Set<InetAddress> services = new LinkedHashSet<>();
        sharing.forEach(service -> service.config().addresses().stream().map(InetPrefix::address).forEach(services::add));
        try {
            return ordered(services, node.in(Namespaces.HOST, new LocalAddresses(node.kernel())::read));
        } catch (IOException e) {
            LOG.log(System.Logger.Level.ERROR, "restart of nfsd: hosts that know it by an address of the node's own are not"
                    + " told: " + e.getMessage());
            return List.copyOf(services);
        }
    }

    /**
     * All that a host may know the node's server by, those of services first: it is not recorded which.
     *
     * @param here what the node has
     */
    static List<InetAddress> ordered(Collection<InetAddress> services, Set<InetAddress> here) {
        List<InetAddress> addresses = new ArrayList<>(services.stream().filter(here::contains).toList());
        here.stream().filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress() && !a.isMulticastAddress()
                && !a.isAnyLocalAddress() && !services.contains(a))
                .sorted(Comparator.comparing(InetAddress::getHostAddress)).forEach(addresses::add);
        return addresses;
    }
}
