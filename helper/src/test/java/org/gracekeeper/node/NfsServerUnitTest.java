// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.task.Deadline;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NfsServerUnitTest {
    private static final Deadline SOON = Deadline.after(Duration.ofMinutes(1));

    private final Node node = mock(Node.class);
    private final NfsServerUnit unit = new NfsServerUnit(node);
    private final List<String> asked = new ArrayList<>();
    private String answer;

    @BeforeEach
    void aSystemd() throws Exception {
        when(node.run(any(), any(String[].class))).thenAnswer(call -> {
            asked.add(call.getArgument(4));
            return new CommandResult(List.of(), 0, answer + "\n", "", Duration.ZERO, false);
        });
    }

    private static String shown(String argv) {
        return "{ path=/x ; argv[]=" + argv + " ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ;"
                + " status=0/0 }";
    }

    @Test
    void whatDistributionsShipHasNoArguments() {
        for (String argv : List.of("/usr/sbin/rpc.nfsd", "/bin/sh -c /usr/sbin/nfsdctl autostart || /usr/sbin/rpc.nfsd",
                "/usr/sbin/rpc.nfsd 16", "/usr/sbin/rpc.nfsd --debug -s",
                "/usr/bin/unshare --uts sh -c \"hostname one-name && exec rpc.nfsd\"")) {
            assertEquals(Optional.empty(), NfsServerUnit.arguments(shown(argv), ""), argv);
        }
        assertEquals(Optional.empty(), NfsServerUnit.arguments("", ""));
    }

    @Test
    void whatAnAdministratorAddsIsFound() {
        assertEquals(Optional.of("-p 2050 --no-udp 16"), NfsServerUnit.arguments(
                shown("/bin/true -x") + "\n" + shown("/usr/sbin/rpc.nfsd -p 2050 --no-udp 16"), ""));
        assertEquals(Optional.of("-H 192.0.2.1"), NfsServerUnit.arguments(
                shown("/bin/sh -c 'nfsdctl autostart || rpc.nfsd -H 192.0.2.1 && echo -n'"), ""));
        assertEquals(Optional.of("$RPCNFSDARGS"), NfsServerUnit.arguments(shown("/usr/sbin/rpc.nfsd $RPCNFSDARGS"), ""));
    }

    @Test
    void aScopeIsRepeatedIfItIsTheServices() {
        for (String argv : List.of("rpc.nfsd --scope one-name", "rpc.nfsd --scope=one-name", "rpc.nfsd -S one-name 8")) {
            assertEquals(Optional.empty(), NfsServerUnit.arguments(shown(argv), "one-name"), argv);
            assertTrue(NfsServerUnit.arguments(shown(argv), "").isPresent(), argv);
        }
        assertEquals(Optional.of("--scope one-name 8"),
                NfsServerUnit.arguments(shown("rpc.nfsd --scope one-name 8"), "other"));
    }

    @Test
    void itsStartIsInMicroseconds() throws Exception {
        answer = "3523456789";
        assertEquals(3523.456789, unit.startedAt(SOON));
        for (String none : List.of("", "0", "n/a")) {
            answer = none;
            assertEquals(0, unit.startedAt(SOON));
        }
        assertEquals("--property=ActiveEnterTimestampMonotonic", asked.get(0));
    }

    @Test
    void aJobIsANumber() throws Exception {
        answer = "1423";
        assertTrue(unit.hasJob(SOON));
        for (String none : List.of("", "0")) {
            answer = none;
            assertFalse(unit.hasJob(SOON));
        }
        assertEquals(List.of("--property=Job", "--property=Job", "--property=Job"), asked);
    }
}
