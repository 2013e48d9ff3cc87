// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.Map;
import java.util.Optional;

/**
 * Names for a service's file systems that are the same on every node: a device number may differ there, an exported path
 * does not.
 *
 * @param complete whether these are all that clients can reach, and what is held there is told under these numbers; else
 *     nothing can be said of what is missing
 */
public record FileSystems(Map<DeviceId, String> names, boolean complete) {
    public FileSystems {
        names = Map.copyOf(names);
    }

    /** Empty for a file system that is not the service's. */
    public Optional<String> name(DeviceId device) {
        return Optional.ofNullable(device == null ? null : names.get(device));
    }
}
