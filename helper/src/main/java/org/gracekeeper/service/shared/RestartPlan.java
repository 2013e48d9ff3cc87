// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.state.RunningService;

/**
 * What is known before the node's own nfsd is stopped for a restart. Immutable.
 *
 * @param start how it is to be started
 * @param recorded whether there are NFSv4 clients that may reclaim
 * @param nlmPaths where NLM locks are that the stop leaves
 * @param sharing services that clients have come to
 * @param number what NFSv3 hosts are told
 */
record RestartPlan(RestartState.Unfinished start, boolean recorded, List<Path> nlmPaths, List<RunningService> sharing,
        NsmState number) {

    RestartPlan {
        nlmPaths = List.copyOf(nlmPaths);
        sharing = List.copyOf(sharing);
    }

    /**
     * What the services want, which is the same for all.
     *
     * @return null for the node's own name
     */
    static String scope(List<ArrivingService> arriving, List<RunningService> sharing) {
        return Stream.concat(arriving.stream().map(service -> service.operation().service()), sharing.stream())
                .map(service -> service.config().scope()).filter(scope -> !scope.isEmpty()).findFirst().orElse(null);
    }
}
