// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.nio.file.Path;

/**
 * Namespaces to enter, as files that refer to them.
 *
 * @param net   file of a net namespace, or null to stay in the process's own
 * @param mount file of a mount namespace, or null to stay in the process's own
 */
public record NamespaceSet(Path net, Path mount) {
}
