// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;

/** Something to do that may fail or be interrupted. */
interface Step {
    void run() throws IOException, InterruptedException;
}
