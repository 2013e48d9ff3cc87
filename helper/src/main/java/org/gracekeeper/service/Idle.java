// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import org.gracekeeper.model.ServiceName;

/** Runs something when no action works on a service, and keeps actions away meanwhile; a stop interrupts it. */
interface Idle {
    /** @return false when an action works on the service: nothing was done */
    boolean run(ServiceName name, Step step) throws IOException, InterruptedException;
}
