// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** For tests that change namespaces or links. */
public final class Root {
    private Root() {
    }

    /** Skips the test, with a reason, unless root runs it. */
    public static void required() throws IOException {
        assumeTrue(Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0), "needs root");
    }

    /** Runs a command to set a test up or to tidy up; its failure fails the test. */
    public static String sh(String... argv) throws IOException {
        Process process = new ProcessBuilder(List.of(argv)).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new AssertionError(String.join(" ", argv) + ": " + out);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return out;
    }
}
