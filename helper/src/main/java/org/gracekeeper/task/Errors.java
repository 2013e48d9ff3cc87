// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.task;

import java.io.IOException;

/** Steps that are all to be tried, whatever becomes of those before. Not thread-safe. */
public final class Errors {
    private IOException first;

    public void collect(Step step) throws InterruptedException {
        try {
            step.run();
        } catch (IOException e) {
            add(e);
        } catch (RuntimeException e) {
            add(new IOException(e.toString(), e));
        }
    }

    private void add(IOException e) {
        if (first == null) {
            first = e;
        } else {
            first.addSuppressed(e);
        }
    }

    /** @throws IOException the first of all, with the others suppressed */
    public void rethrow() throws IOException {
        if (first != null) {
            throw first;
        }
    }
}
