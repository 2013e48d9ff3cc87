// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NsmRecord;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Bounded;
import org.gracekeeper.task.Deadline;

/** Has lockd release all that one NFSv3 host holds of a service, as it does when the host has rebooted. Thread-safe. */
public final class HostRelease {
    /** The largest even one that is positive. */
    private static final int MAX_STATE = Integer.MAX_VALUE - 1;

    private final Node node;
    private final Lockd lockd;
    private final RecordsLayer records;

    public HostRelease(Node node, Lockd lockd, RecordsLayer records) {
        this.node = node;
        this.lockd = lockd;
        this.records = records;
    }

    /** The lockd of the calling thread's network namespace, see {@link org.gracekeeper.net.NlmNotify#hostRebooted}. */
    public interface Lockd {
        void hostRebooted(int version, int procedure, String host, int state, byte[] priv) throws IOException;
    }

    /**
     * Tells lockd. Its answer says nothing: whether the locks are gone has to be seen.
     *
     * @param host as statd records it
     * @return false when there is nothing to tell: lockd has not heard of the host since the start
     * @throws IOException lockd or the record cannot be asked, or it took longer
     */
    boolean release(RunningService service, String host, Deadline limit) throws IOException, InterruptedException {
        List<NsmRecord> monitors = records.monitor(service.state(), host).stream()
                .filter(monitor -> monitor.program() == RpcClient.LOCKD).toList();
        if (monitors.isEmpty()) {
            return false;
        }
        Bounded.run("lockd's release of its locks", limit.remaining(),
                () -> node.in(service.instance().network(), () -> {
                    for (NsmRecord monitor : monitors) {
                        lockd.hostRebooted(monitor.version(), monitor.procedure(), monitor.host(),
                                state(System.currentTimeMillis()), monitor.priv());
                    }
                    return null;
                }));
        return true;
    }

    /**
     * An NSM state number for the host. lockd does nothing where it is the number that it was told last, or 0 where it was
     * told none (fs/lockd/host.c, next_host_state), so it has to be another one each time. Nobody else ever sees it: lockd
     * keeps it for that comparison alone. And a true one of the host's is odd, as of all hosts that are up, so this one,
     * which is even, can never hide a later reboot from lockd.
     *
     * @param millis the time
     */
    static int state(long millis) {
        return (int) (millis % (MAX_STATE / 2) + 1) * 2;
    }
}
