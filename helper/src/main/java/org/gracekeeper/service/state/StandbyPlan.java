// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.LinkType;
import org.gracekeeper.model.ServiceConfig;

/**
 * What has to be known of a service to prepare for it what needs neither its storage nor its addresses.
 *
 * @param format of the file that it is kept in; another one says nothing here
 * @param parent the node's device below the service's
 * @param nfsV3 whether it needs an rpcbind
 */
public record StandbyPlan(int format, String parent, LinkType linkType, boolean nfsV3) {
    public static final int FORMAT = 1;

    public StandbyPlan {
        if (format != FORMAT || parent == null || linkType == null) {
            throw new IllegalArgumentException("it is not of format " + FORMAT);
        }
    }

    public static StandbyPlan of(Fields f) throws IOException {
        return new StandbyPlan(f.integer("format"), f.text("parent"), f.constant("linkType", LinkType.class), f.flag("nfsV3"));
    }

    public JsonNode json() {
        return Json.object().put("format", format).put("parent", parent).put("linkType", linkType.name()).put("nfsV3", nfsV3);
    }

    /** Empty for one for which nothing is to be prepared. */
    public static Optional<StandbyPlan> of(RunningService service) {
        return isWanted(service.config()) ? Optional.of(needed(service)) : Optional.empty();
    }

    /** Not for one that is a matter of the node's own server. */
    public static boolean isWanted(ServiceConfig config) {
        return !config.isShared() && config.warmStandby();
    }

    /** What a start of it needs, whether it shall be prepared or not. */
    public static StandbyPlan needed(RunningService service) {
        return needed(service.config(), service.parent());
    }

    public static StandbyPlan needed(ServiceConfig config, String parent) {
        return new StandbyPlan(FORMAT, parent, config.linkType(), config.hasNfsV3());
    }

    /** Whether the kernel refuses one where the other is: a parent carries devices of one kind. */
    public boolean excludes(StandbyPlan other) {
        return parent.equals(other.parent) && linkType != other.linkType;
    }

    /** Whether a start with this configuration could need this, as far as that can be told without a look at the node's network. */
    public boolean mayBeOf(ServiceConfig config) {
        return equals(needed(config, config.nic().orElse(parent)));
    }
}
