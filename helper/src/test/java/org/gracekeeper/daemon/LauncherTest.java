// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Java makes of how it is started; {@code tests/agent/run} looks at which Java that is. */
class LauncherTest {
    @TempDir
    private Path dir;

    /** A service may export a directory whose name is not in ASCII, and a node have any locale, or none. */
    @Test
    void pathsAreUtf8WhateverTheNodesLocale() throws Exception {
        for (Map<String, String> locale : Map.of("none", Map.<String, String>of(), "C", Map.of("LC_ALL", "C"),
                "not installed", Map.of("LANG", "xx_XX.UTF-8"), "another", Map.of("LC_CTYPE", "POSIX")).values()) {
            String settings = settings(locale);
            assertTrue(settings.contains("sun.jnu.encoding = UTF-8\n"), locale + ": " + settings);
        }
    }

    /** The properties of a Java runtime that is started in place of the helper. */
    private String settings(Map<String, String> locale) throws Exception {
        ProcessBuilder launcher = TestLauncher.of(dir, "#!/bin/sh\nexec '" + Path.of(System.getProperty("java.home"), "bin/java")
                + "' -XshowSettings:properties -version\n");
        launcher.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.startsWith("LANG"));
        launcher.environment().putAll(locale);
        Process java = launcher.start();
        String said = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, java.waitFor(), said);
        return said;
    }
}
