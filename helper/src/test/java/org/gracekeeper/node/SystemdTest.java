// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.mock;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.SystemdBus;
import org.gracekeeper.sys.SystemdUnreachableException;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SystemdTest {
    private static final List<String> UNITS = List.of("a.service", "b.service");

    private final List<String> asked = new ArrayList<>();
    private final List<String> ran = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    private final Logger log = Logger.getLogger(Systemd.class.getName());
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            if (entry.getLevel().intValue() >= Level.WARNING.intValue()) {
                warnings.add(entry.getMessage());
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };
    private IOException failure;
    private int exit;
    private final SystemdBus bus = (calls, timeout) -> {
        asked.add(calls + " " + timeout.toSeconds());
        if (failure != null) {
            throw failure;
        }
    };
    private final Systemd systemd = new Systemd(bus, new Node(mock(Kernel.class), (timeout, stdin, argv) -> {
        ran.add(String.join(" ", argv));
        return new CommandResult(argv, exit, "", "Unit is masked.", Duration.ZERO, false);
    }));

    @BeforeEach
    void listen() {
        log.addHandler(handler);
        log.setUseParentHandlers(false);
    }

    @AfterEach
    void listenNoMore() {
        log.removeHandler(handler);
        log.setUseParentHandlers(true);
    }

    /** A bit more, or the seconds that are left would be one less. */
    private static Deadline in(int seconds) {
        return Deadline.after(Duration.ofSeconds(seconds).plusMillis(900));
    }

    @Test
    void nothingIsStartedToAsk() throws Exception {
        systemd.start(UNITS, in(10));
        systemd.stop(List.of("a.service"), in(60));
        systemd.restart(List.of("a.service"), in(20));
        assertEquals(List.of("[StartUnit a.service replace, StartUnit b.service replace] 10", "[StopUnit a.service replace] 30",
                "[RestartUnit a.service replace] 20"), asked);
        assertEquals(List.of(), ran);
        assertEquals(List.of(), warnings);
    }

    @Test
    void whereItCannotBeAskedSystemctlAsksAndThatIsSaidOnce() throws Exception {
        failure = new SystemdUnreachableException("no socket");
        systemd.rehearse();
        systemd.start(UNITS, in(10));
        systemd.stop(UNITS, in(10));
        systemd.restart(UNITS, in(10));
        assertEquals(List.of("systemctl --no-block start a.service b.service", "systemctl --no-block stop a.service b.service",
                "systemctl --no-block restart a.service b.service"), ran);
        assertEquals(1, warnings.size());
        assertTrue(warnings.get(0).contains("(no socket)"), warnings.get(0));
        failure = null;
        systemd.start(UNITS, in(10)); // perhaps only while it was executed anew
        assertEquals(3, ran.size());
        assertEquals(5, asked.size());
    }

    @Test
    void aRefusalIsTheSameInBothWays() {
        failure = new IOException("systemd refuses it");
        assertSame(failure, assertThrows(IOException.class, () -> systemd.start(UNITS, in(10))));
        assertEquals(List.of(), ran);
        failure = new SystemdUnreachableException("no socket");
        exit = 1;
        assertTrue(assertThrows(IOException.class, () -> systemd.start(UNITS, in(10))).getMessage().endsWith("Unit is masked."));
    }

    @Test
    void whoIsInterruptedStartsNothing() {
        failure = new InterruptedIOException("interrupted");
        assertSame(failure, assertThrows(IOException.class, () -> systemd.stop(UNITS, in(10))));
        assertEquals(List.of(), ran);
    }

    @Test
    void theRehearsalChangesNothing() throws Exception {
        systemd.rehearse();
        assertEquals(List.of("[GetUnit -.slice] 30"), asked);
    }
}
