// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.io.IOException;

/** Something to do that may fail or be interrupted. */
public interface Step {
    void run() throws IOException, InterruptedException;
}
