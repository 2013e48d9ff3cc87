// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.NfsVersion;
import org.gracekeeper.model.Presence;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.task.Waiting;

/**
 * Shuts clients out, if it can be in a moment in which nobody has just taken a lock. Many locks are held for a moment only. One
 * whose grant or unlock is on its way when the network is shut is the server's and not the client's: the client has not heard of
 * it, or has given it up already (fs/lockd/clntproc.c, nlmclnt_unlock; fs/nfs/nfs4proc.c, nfs4_proc_unlck). It does not reclaim
 * it, an unlock is refused in grace (fs/lockd/svc4proc.c), and everybody would wait for it until grace_time is over. Of NFSv4.1 and
 * later nothing of the kind matters: RECLAIM_COMPLETE tells. Clients are served as usual while this waits. Stateless, thread-safe.
 */
public final class CalmClose {
    /** A lock that has been there so long is none of a moment. */
    static final Duration SETTLED = Duration.ofMillis(150);
    /** When clients have been let in once more: what they sent meanwhile they send again after 200 ms or twice that (TCP_RTO_MIN). */
    static final Duration SETTLED_AGAIN = Duration.ofMillis(600);
    /** Where locks come and go all the time there is no such moment. */
    static final Duration LIMIT = Duration.ofSeconds(5);
    /** Of the time that is left for the stop. */
    private static final int SHARE = 8;

    private final ServiceLink link;
    private final Holdings holdings;
    private final Duration limit;

    public CalmClose(ServiceLink link, Holdings holdings) {
        this(link, holdings, LIMIT);
    }

    CalmClose(ServiceLink link, Holdings holdings, Duration limit) {
        this.link = link;
        this.holdings = holdings;
        this.limit = limit;
    }

    /** Traffic is shut out when it returns, in whatever moment. */
    void close(Operation operation) throws IOException, InterruptedException {
        try {
            if (isWorthIt(operation) && !closeCalmly(operation)) {
                operation.info("clients are shut out while they take and give up locks: should one of these be missing after the"
                        + " next start, new locks wait for all of grace_time");
            }
        } catch (IOException | RuntimeException e) {
            operation.info("clients are shut out at once: what they hold cannot be seen: " + e.getMessage());
        } finally {
            link.close(operation);
        }
    }

    /** In a recovery locks are granted to those alone who had them. */
    private boolean isWorthIt(Operation operation) throws IOException, InterruptedException {
        RunningService service = operation.service();
        return service.opened() && service.recovered() && service.config().earlyEnd() && !link.shut(service.instance());
    }

    private boolean closeCalmly(Operation operation) throws IOException, InterruptedException {
        Deadline patience = Deadline.after(operation.deadline().remaining().dividedBy(SHARE)).part(limit);
        Presence<Object> presence = new Presence<>(SETTLED);
        while (isCalm(operation, presence, patience)) {
            link.close(operation);
            // Requests that had come by then are still served.
            Thread.sleep(Waiting.POLL_MILLIS);
            if (presence.had(held(operation.service()))) {
                return true;
            }
            link.open(operation);
            presence = new Presence<>(SETTLED_AGAIN);
        }
        return false;
    }

    private boolean isCalm(Operation operation, Presence<Object> presence, Deadline patience)
            throws IOException, InterruptedException {
        return Waiting.until(patience, () -> presence.isSettled(held(operation.service()), System.nanoTime()));
    }

    /** What would have to come back one by one. */
    private Collection<Object> held(RunningService service) throws IOException, InterruptedException {
        Set<Object> held = new HashSet<>();
        if (service.config().hasNfsV3()) {
            // Read locks of several processes of a client on one range look alike.
            Map<LockLine, Integer> alike = new HashMap<>();
            holdings.nlmLines(service.devices()).stream().filter(line -> !line.waiter())
                    .forEach(line -> held.add(Map.entry(line, alike.merge(line, 1, Integer::sum))));
        }
        if (service.config().versions().contains(NfsVersion.V4_0)) {
            holdings.clients(service).stream().filter(client -> client.minorVersion() == 0)
                    .flatMap(client -> client.states().stream()).map(Nfs4Client.State::id).forEach(held::add);
        }
        return held;
    }
}
