// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.standby;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import org.gracekeeper.json.Fields;
import org.gracekeeper.json.Json;
import org.gracekeeper.service.namespaces.ServiceNamespaces;

/**
 * A standby, as it was made: what is there is the same, or somebody has been at it.
 *
 * @param format another one is another version's: of no use here
 * @param namespaces null while the standby is being made
 * @param device its device's number in there
 */
public record StandbyRecord(int format, StandbyBasis basis, ServiceNamespaces.Numbers namespaces, int device) {
    /** To be counted up when what is in a standby becomes something else. */
    static final int FORMAT = 2;

    public StandbyRecord {
        if (format != FORMAT || basis == null) {
            throw new IllegalArgumentException("it is not of format " + FORMAT);
        }
    }

    public static StandbyRecord of(Fields f) throws IOException {
        return new StandbyRecord(f.integer("format"), f.object("basis", StandbyBasis::of),
                f.object("namespaces", n -> n.only(new ServiceNamespaces.Numbers(n.number("network"), n.number("mounts")))),
                f.integer("device"));
    }

    public JsonNode json() {
        ObjectNode json = Json.object().put("format", format).set("basis", basis.json());
        json.set("namespaces", namespaces == null ? null
                : Json.object().put("network", namespaces.network()).put("mounts", namespaces.mounts()));
        return json.put("device", device);
    }

    public static StandbyRecord begun(StandbyBasis basis) {
        return new StandbyRecord(FORMAT, basis, null, 0);
    }

    public StandbyRecord complete(ServiceNamespaces.Numbers numbers, int index) {
        return new StandbyRecord(FORMAT, basis, numbers, index);
    }

    boolean isComplete() {
        return namespaces != null;
    }
}
