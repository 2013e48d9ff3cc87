// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;

/**
 * The service's record on the storage that moves with it. Fields that a later version added are left out: it counts the
 * format up where they matter.
 *
 * @param format of the state directory; a newer one is refused
 * @param node the node that started the service last
 * @param bootId of that node, to tell a node that was started again from one that still runs
 * @param generation counts the starts
 * @param leaseTime seconds; the longest that a client may still go by
 * @param graceTime seconds, in force
 * @param clean whether that start was followed by a stop
 */
public record Claim(
        int format, String service, String scope, String node, String bootId, long generation, int leaseTime,
        int graceTime, boolean clean) {
    public static final int FORMAT = 1;

    public Claim {
        if (format < 1 || service == null || scope == null || node == null || bootId == null || generation < 1) {
            throw new IllegalArgumentException("it is not complete");
        }
    }

    public static Claim of(Fields f) throws IOException {
        return new Claim(f.integer("format"), f.text("service"), f.text("scope"), f.text("node"), f.text("bootId"),
                f.number("generation"), f.integer("leaseTime"), f.integer("graceTime"), f.flag("clean"));
    }

    public JsonNode json() {
        return Json.object().put("format", format).put("service", service).put("scope", scope).put("node", node)
                .put("bootId", bootId).put("generation", generation).put("leaseTime", leaseTime).put("graceTime", graceTime)
                .put("clean", clean);
    }

    public Claim stopped() {
        return new Claim(format, service, scope, node, bootId, generation, leaseTime, graceTime, true);
    }
}
