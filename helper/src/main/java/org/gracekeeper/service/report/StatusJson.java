// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.gracekeeper.json.Json;

/** What {@link StatusReport} tells of a service, for programs. */
public final class StatusJson {
    private StatusJson() {
    }

    public static JsonNode of(StatusReport.ServiceStatus s) {
        ObjectNode json = Json.object().put("service", s.service()).put("state", s.state());
        json.set("addresses", Json.texts(s.addresses()));
        json.put("device", s.device());
        json.set("exports", Json.texts(s.exports()));
        json.put("grace", s.grace()).put("graceSecondsLeft", s.graceSecondsLeft()).put("locks", s.locks());
        json.set("holders", Json.array(s.holders(), holder -> Json.object().put("protocol", holder.protocol())
                .put("client", holder.client()).put("detail", holder.detail())));
        json.set("missing", Json.array(s.missing(), missing -> Json.object().put("protocol", missing.protocol())
                .put("client", missing.client()).put("holds", missing.holds())));
        json.set("layers", Json.array(s.layers(), layer -> Json.object().put("layer", layer.layer()).put("state", layer.state())));
        json.put("refused", s.refused());
        json.set("remarks", Json.texts(s.remarks()));
        return json.put("remark", s.remark());
    }
}
