// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** The helper's launcher with a program in place of the Java runtime: it takes that below {@code JAVA_HOME}. */
final class TestLauncher {
    private TestLauncher() {}

    /**
     * @param dir where the program is put
     * @param program a shell script, which gets the launcher's options for Java
     * @return with no other settings of Java's, and standard error in its standard output
     */
    static ProcessBuilder of(Path dir, String program) throws IOException {
        Path java = Files.createDirectories(dir.resolve("java/bin")).resolve("java");
        Files.writeString(dir.resolve("java/release"), "JAVA_VERSION=\"17\"\n");
        Files.writeString(java, program);
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwx------"));
        ProcessBuilder launcher = new ProcessBuilder("sh", "src/main/sh/gracekeeperd").redirectErrorStream(true);
        launcher.environment().keySet().removeIf(name -> name.startsWith("JAVA_"));
        launcher.environment().put("JAVA_HOME", dir.resolve("java").toString());
        return launcher;
    }
}
