// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import java.nio.file.Path;
import org.gracekeeper.store.DurableFiles;

/**
 * Files of the state directory that cannot be used. They are the same on every node, so a start that can do without goes
 * on, and leaves a copy for a person to see: one of each, since the next one takes its place.
 */
public final class Damaged {
    private Damaged() {}

    /**
     * @param why what is wrong with it
     * @param meaning what that costs
     */
    public static void keep(Operation operation, DurableFiles files, Path file, String why, String meaning) {
        Path copy = file.resolveSibling(file.getFileName() + ".damaged");
        String kept = "a copy is kept as " + copy.getFileName();
        try {
            files.copyFile(file, copy);
        } catch (IOException e) {
            kept = "no copy can be kept: " + e.getMessage();
        }
        operation.warn(file + " is damaged (" + why + "; " + kept + "): " + meaning);
    }
}
