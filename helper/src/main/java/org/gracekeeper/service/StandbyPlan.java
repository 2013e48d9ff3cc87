// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.LinkType;

/**
 * What has to be known of a service to prepare for it what needs neither its storage nor its addresses.
 *
 * @param format of the file that it is kept in; another one says nothing here
 * @param parent the node's device below the service's
 * @param nfsV3 whether it needs an rpcbind
 */
record StandbyPlan(int format, String parent, LinkType linkType, boolean nfsV3) {
    static final int FORMAT = 1;

    StandbyPlan {
        if (format != FORMAT || parent == null || linkType == null) {
            throw new IllegalArgumentException("it is not of format " + FORMAT);
        }
    }

    static StandbyPlan of(Fields f) throws IOException {
        return new StandbyPlan(f.integer("format"), f.text("parent"), f.constant("linkType", LinkType.class), f.flag("nfsV3"));
    }

    JsonNode json() {
        return Json.object().put("format", format).put("parent", parent).put("linkType", linkType.name()).put("nfsV3", nfsV3);
    }

    /** Empty for one for which nothing shall be prepared, or is a matter of the node's own server. */
    static Optional<StandbyPlan> of(RunningService service) {
        return service.config().isShared() || !service.config().warmStandby() ? Optional.empty() : Optional.of(needed(service));
    }

    /** What a start of it needs, whether it shall be prepared or not. */
    static StandbyPlan needed(RunningService service) {
        return new StandbyPlan(FORMAT, service.parent(), service.config().linkType(), service.config().hasNfsV3());
    }
}
