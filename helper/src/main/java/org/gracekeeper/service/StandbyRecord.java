// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/**
 * A standby, as it was made: what is there is the same, or somebody has been at it.
 *
 * @param format another one is another version's: of no use here
 * @param namespaces null while the standby is being made
 * @param device its device's number in there
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record StandbyRecord(int format, StandbyBasis basis, ServiceNamespaces.Numbers namespaces, int device) {
    /** To be counted up when what is in a standby becomes something else. */
    static final int FORMAT = 1;

    StandbyRecord {
        if (format != FORMAT || basis == null) {
            throw new IllegalArgumentException("it is not of format " + FORMAT);
        }
    }

    static StandbyRecord begun(StandbyBasis basis) {
        return new StandbyRecord(FORMAT, basis, null, 0);
    }

    StandbyRecord complete(ServiceNamespaces.Numbers numbers, int index) {
        return new StandbyRecord(FORMAT, basis, numbers, index);
    }

    @JsonIgnore
    boolean isComplete() {
        return namespaces != null;
    }
}
