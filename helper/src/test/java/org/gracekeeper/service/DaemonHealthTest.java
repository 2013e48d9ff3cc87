// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.gracekeeper.net.RpcClient.Answer;
import org.junit.jupiter.api.Test;

class DaemonHealthTest {
    private final DaemonHealth statd = new DaemonHealth("statd");

    private static long at(int seconds) {
        return seconds * 1_000_000_000L;
    }

    private static Optional<DaemonProcess> process(int pid, char state, long cpu) {
        return Optional.of(new DaemonProcess(pid, state, 1000 + pid, cpu));
    }

    private void silentFrom(int begin, int end, int pid, char state) {
        for (int second = begin; second <= end; second += 5) {
            statd.see(process(pid, state, 7), at(second));
            statd.hear(Answer.SILENCE, at(second));
        }
    }

    @Test
    void oneThatIsSilentForLongIsToEnd() {
        silentFrom(0, 20, 1, 'S');
        assertFalse(statd.isToEnd(at(20)));
        silentFrom(25, 25, 1, 'S');
        assertTrue(statd.isToEnd(at(25)));
    }

    @Test
    void oneThatWaitsForTheDiskIsNot() {
        silentFrom(0, 60, 1, 'D');
        assertFalse(statd.isToEnd(at(60)));
    }

    @Test
    void oneThatWorksIsNot() {
        for (int second = 0; second <= 60; second += 5) {
            statd.see(process(1, 'R', second), at(second));
            statd.hear(Answer.SILENCE, at(second));
        }
        assertFalse(statd.isToEnd(at(60)));
    }

    @Test
    void oneThatStartsIsNot() {
        silentFrom(0, 20, 1, 'S');
        statd.see(process(2, 'S', 0), at(22));
        statd.hear(Answer.REFUSED, at(22));
        statd.hear(Answer.SILENCE, at(26));
        assertFalse(statd.isToEnd(at(30)));
    }

    @Test
    void theNextIsNotEndedTooButIsAProblem() {
        silentFrom(0, 25, 1, 'S');
        statd.endedNow();
        silentFrom(30, 50, 2, 'S');
        assertEquals("", statd.problem(at(50)));
        silentFrom(55, 55, 2, 'S');
        assertFalse(statd.isToEnd(at(55)));
        assertEquals("statd does not answer, and did not when it was started anew", statd.problem(at(55)));
        statd.hear(Answer.YES, at(60));
        assertEquals("", statd.problem(at(60)));
    }

    @Test
    void oneThatIsMissingForLongIsAProblem() {
        statd.see(process(1, 'S', 0), at(0));
        statd.see(Optional.empty(), at(2));
        assertEquals("", statd.problem(at(16)));
        assertEquals("statd does not run, and systemd has not brought it back", statd.problem(at(17)));
        assertTrue(statd.see(process(2, 'S', 0), at(18)));
        assertEquals("", statd.problem(at(40)));
    }

    @Test
    void aNumberThatIsUsedAgainIsAnotherProcess() {
        statd.see(process(1, 'S', 0), at(0));
        assertFalse(statd.see(process(1, 'R', 5), at(2)));
        assertTrue(statd.see(Optional.of(new DaemonProcess(1, 'S', 9999, 0)), at(4)));
    }
}
