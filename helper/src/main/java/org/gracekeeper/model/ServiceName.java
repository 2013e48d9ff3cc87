// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;

/**
 * A service's name: the Pacemaker resource's. It becomes part of paths, of a systemd instance (unescaped), of its slice and
 * of the network namespace's name, so only characters that mean nothing to any of them are taken. A slice's name may not
 * end in a hyphen nor have two in a row (systemd.slice(5)).
 */
public record ServiceName(String value) {
    private static final Pattern VALID = Pattern.compile("(?=.{1,64}$)[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*");

    public ServiceName {
        if (!VALID.matcher(value).matches()) {
            throw new IllegalArgumentException("not a service name: " + value);
        }
    }

    /** The name of a resource instance; a clone's instance number is refused, two of them would share one state. */
    public static ServiceName ofResource(String instance) throws OcfException {
        if (instance == null || !VALID.matcher(instance).matches()) {
            throw new OcfException(
                    OcfCode.CONFIGURED,
                    "resource name \"" + instance + "\" cannot name a service: use at most 64 letters, digits, "
                            + "\"_\", \".\" and \"-\", beginning with a letter or digit, without \"-\" at the end or twice"
                            + " in a row, and do not clone it");
        }
        return new ServiceName(instance);
    }

    /** Whose file it is among those that bear services' names; other files, such as temporary ones, are nobody's. */
    public static Optional<ServiceName> ofFile(Path file) {
        return Optional.of(file.getFileName().toString()).filter(name -> VALID.matcher(name).matches()).map(ServiceName::new);
    }

    @Override
    public String toString() {
        return value;
    }
}
