// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.service.state.StandbyPlan;

/**
 * What a standby is made from: with any of it being another one, it is of no use.
 *
 * @param mode of the device
 * @param parentIndex the parent's number: one that was removed and made again has another
 * @param mtu the parent's: a device of macvlan does not grow with it
 * @param settings sum of what a new network namespace takes over from the node's, see {@link StandbySite}
 */
public record StandbyBasis(StandbyPlan plan, String mode, int parentIndex, int mtu, String settings) {

    static StandbyBasis of(Fields f) throws IOException {
        return new StandbyBasis(f.object("plan", StandbyPlan::of), f.text("mode"), f.integer("parentIndex"), f.integer("mtu"),
                f.text("settings"));
    }

    JsonNode json() {
        ObjectNode json = Json.object().set("plan", plan.json());
        return json.put("mode", mode).put("parentIndex", parentIndex).put("mtu", mtu).put("settings", settings);
    }

    /** What makes a standby from this useless where {@code wanted} is needed. */
    Optional<String> differsFrom(StandbyBasis wanted) {
        if (!plan.parent().equals(wanted.plan.parent())) {
            return Optional.of("it is on device " + plan.parent() + ", not on " + wanted.plan.parent());
        }
        if (parentIndex != wanted.parentIndex) {
            return Optional.of("device " + plan.parent() + " is another one now");
        }
        if (plan.linkType() != wanted.plan.linkType() || !mode.equals(wanted.mode)) {
            return Optional.of("its device is " + plan.linkType().kind() + " " + mode + ", not "
                    + wanted.plan.linkType().kind() + " " + wanted.mode);
        }
        if (plan.nfsV3() != wanted.plan.nfsV3()) {
            return Optional.of(plan.nfsV3() ? "it has an rpcbind, which is not needed" : "it has no rpcbind");
        }
        if (mtu != wanted.mtu) {
            return Optional.of("the MTU of " + plan.parent() + " was " + mtu + " and is " + wanted.mtu);
        }
        return settings.equals(wanted.settings) ? Optional.empty()
                : Optional.of("network settings of the node (net.ipv4) are others now");
    }
}
