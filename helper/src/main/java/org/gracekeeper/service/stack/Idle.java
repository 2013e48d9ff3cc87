// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.task.Step;

/** Runs something when no action works on a service, and keeps actions away meanwhile; a stop interrupts it. */
public interface Idle {
    /** @return false when an action works on the service: nothing was done */
    boolean run(ServiceName name, Step step) throws IOException, InterruptedException;
}
