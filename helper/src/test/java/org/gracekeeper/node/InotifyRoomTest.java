// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gracekeeper.sys.LinuxKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InotifyRoomTest {
    @TempDir
    private Path dir;

    private String after(String before) throws IOException {
        Path limit = dir.resolve("max_user_instances");
        Files.writeString(limit, before);
        new InotifyRoom(LinuxKernel.load(), limit).make();
        return Files.readString(limit);
    }

    @Test
    void aLowLimitIsRaised() throws IOException {
        assertEquals("4096\n", after("128\n"));
    }

    @Test
    void aHigherOneStays() throws IOException {
        assertEquals("4096\n", after("4096\n"));
        assertEquals("65536\n", after("65536\n"));
    }

    @Test
    void whatIsNoNumberIsNotReplaced() {
        assertThrows(IOException.class, () -> after("much\n"));
        assertThrows(IOException.class, () -> new InotifyRoom(LinuxKernel.load(), dir.resolve("none")).make());
    }
}
