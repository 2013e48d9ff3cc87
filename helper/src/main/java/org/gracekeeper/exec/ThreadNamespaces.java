// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.exec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Finds out how the calling thread's namespaces differ from those of the process. */
final class ThreadNamespaces {
    private static final Map<String, String> OPTIONS = Map.of("net", "--net=", "mnt", "--mount=", "uts", "--uts=");

    private ThreadNamespaces() {
    }

    /** The nsenter command that enters the calling thread's namespaces; empty when they are the process's own. */
    static List<String> entering() throws IOException {
        Path thread = Path.of("/proc").resolve(Files.readSymbolicLink(Path.of("/proc/thread-self"))).resolve("ns");
        Path process = Path.of("/proc/self/ns");
        List<String> argv = new ArrayList<>();
        for (String type : List.of("net", "mnt", "uts")) {
            Path own = thread.resolve(type);
            if (!Files.readSymbolicLink(own).equals(Files.readSymbolicLink(process.resolve(type)))) {
                argv.add(OPTIONS.get(type) + own);
            }
        }
        if (!argv.isEmpty()) {
            argv.add(0, "nsenter");
            argv.add("--");
        }
        return argv;
    }
}
