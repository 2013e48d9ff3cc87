// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.List;

/**
 * Whether a grace period may end now, and why. Pure: the same observation always gives the same answer.
 *
 * <p>NLM has nothing like RECLAIM_COMPLETE, so its grace ends early only when no host was there to reclaim. NFSv4's
 * is ended by the kernel when every recorded NFSv4.1+ client has sent RECLAIM_COMPLETE (RFC 8881, 18.51). Both are
 * ended when the configured time is over: kernels before 7 do not always do so themselves, because they compare a
 * boot time with the wall clock (fs/nfsd/nfs4state.c, clients_still_reclaiming).
 *
 * @param reason in words, for the log; empty when nothing is to be ended
 */
public record RecoveryDecision(boolean endNlm, boolean endV4, String reason) {

    /**
     * @param nlmGrace whether lockd is in grace
     * @param v4Grace whether nfsd is
     * @param nsmHosts how many hosts are in the NSM recovery set
     * @param secondsLeft of the configured grace time
     */
    public record Observed(boolean nlmGrace, boolean v4Grace, int nsmHosts, double secondsLeft) {}

    public static RecoveryDecision of(Observed seen) {
        boolean over = seen.secondsLeft() <= 0;
        boolean nobody = seen.nsmHosts() == 0;
        boolean endNlm = seen.nlmGrace() && (over || nobody);
        boolean endV4 = seen.v4Grace() && over;
        List<String> reasons = new ArrayList<>();
        if (endNlm) {
            reasons.add("NLM grace ends: " + (over ? "its time is over" : "no host had locks to reclaim"));
        }
        if (endV4) {
            reasons.add("NFSv4 grace ends: its time is over");
        }
        return new RecoveryDecision(endNlm, endV4, String.join("; ", reasons));
    }
}
