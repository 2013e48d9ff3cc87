// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import org.gracekeeper.node.ClusterResources;

/** What is to be done about a standby of a service that does not run here. Pure. */
enum StandbyDecision {
    LEAVE,
    MAKE,
    DROP,
    /** Drop it, and make another one. */
    ANEW,
    /** Drop it, and forget what would have to be prepared. */
    GIVE_UP;

    /**
     * What is known.
     *
     * @param planned whether it is known what has to be prepared
     * @param stands whether there may be anything of it
     * @param usable whether a start could take that over
     * @param possible whether the parent can carry another device of its kind
     */
    record Known(boolean planned, boolean stands, boolean usable, boolean possible, ClusterResources.Answer answer) {}

    static StandbyDecision of(Known known) {
        StandbyDecision none = known.stands() ? DROP : LEAVE;
        if (!known.planned()) {
            return none;
        }
        if (known.answer() == ClusterResources.Answer.GONE || known.answer() == ClusterResources.Answer.UNWANTED) {
            return GIVE_UP;
        }
        if (known.answer() == ClusterResources.Answer.FORBIDDEN) {
            return none;
        }
        if (known.stands() && known.usable()) {
            return LEAVE;
        }
        if (known.answer() != ClusterResources.Answer.YES || !known.possible()) {
            return none;
        }
        return known.stands() ? ANEW : MAKE;
    }
}
