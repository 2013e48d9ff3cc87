// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;

/** That nothing of a service is left on this node by which a client could reach its data, or which holds its file systems. */
public interface Proof {
    /**
     * @return what was proved, in words
     * @throws IOException what is left
     */
    String require(Operation operation) throws IOException, InterruptedException;
}
