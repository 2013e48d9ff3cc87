// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.util.Optional;

/** A layer with no check of its own: another layer's looks at what it makes, or nothing of it has to stay. */
public interface UncheckedLayer extends Layer {
    @Override
    default Optional<String> check(Operation operation) {
        return Optional.empty();
    }
}
