// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.daemons;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.gracekeeper.net.RpcClient.Answer;
import org.gracekeeper.node.DaemonProcess;
import org.junit.jupiter.api.Test;

class DaemonHealthTest {
    private static final String MISSING = "statd does not run, and systemd does not bring it back";

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
    void oneThatAnswersNowAndThenIsNot() {
        silentFrom(0, 20, 1, 'S');
        statd.hear(Answer.YES, at(22));
        silentFrom(25, 45, 1, 'S');
        assertFalse(statd.isToEnd(at(45)));
    }

    @Test
    void oneThatWaitsForTheDiskIsNotUntilItHasHadTheTimeAfterwards() {
        silentFrom(0, 60, 1, 'D');
        assertFalse(statd.isToEnd(at(60)));
        silentFrom(65, 80, 1, 'S');
        assertFalse(statd.isToEnd(at(80)));
        assertTrue(statd.isToEnd(at(85)));
    }

    @Test
    void oneThatSomebodyDebugsIsNot() {
        silentFrom(0, 60, 1, 't');
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
    void anothersSilenceIsNotItsOwn() {
        silentFrom(0, 20, 1, 'S');
        statd.see(process(2, 'S', 0), at(22));
        assertFalse(statd.isToEnd(at(30)));
        // The other was asked.
        statd.hear(Answer.SILENCE, at(20));
        assertFalse(statd.isToEnd(at(45)));
        statd.hear(Answer.SILENCE, at(26));
        assertFalse(statd.isToEnd(at(50)));
        assertTrue(statd.isToEnd(at(51)));
    }

    @Test
    void aNumberThatIsUsedAgainIsAnotherProcess() {
        silentFrom(0, 20, 1, 'S');
        statd.see(Optional.of(new DaemonProcess(1, 'S', 9999, 7)), at(22));
        assertFalse(statd.isToEnd(at(30)));
    }

    @Test
    void theNextIsNotEndedTooButIsAProblem() {
        silentFrom(0, 25, 1, 'S');
        statd.endedNow();
        statd.see(process(2, 'S', 0), at(26));
        statd.hear(Answer.REFUSED, at(27));
        silentFrom(30, 50, 2, 'S');
        assertEquals("", statd.problem(at(50)));
        silentFrom(55, 55, 2, 'S');
        assertFalse(statd.isToEnd(at(55)));
        assertEquals("statd does not answer, although it was to be started anew", statd.problem(at(55)));
        statd.hear(Answer.YES, at(60));
        assertEquals("", statd.problem(at(60)));
    }

    @Test
    void anEndThatDidNotHelpIsAProblem() {
        silentFrom(0, 25, 1, 'S');
        statd.endedNow();
        silentFrom(30, 50, 1, 'S');
        assertEquals("", statd.problem(at(50)));
        silentFrom(55, 55, 1, 'S');
        assertEquals("statd does not answer, although it was to be started anew", statd.problem(at(55)));
    }

    @Test
    void oneThatIsMissingForLongIsAProblem() {
        statd.see(process(1, 'S', 0), at(0));
        statd.see(Optional.empty(), at(2));
        assertEquals("", statd.problem(at(16)));
        assertEquals(MISSING, statd.problem(at(17)));
        statd.see(process(2, 'S', 0), at(18));
        statd.see(process(2, 'S', 0), at(20));
        assertEquals("", statd.problem(at(40)));
    }

    @Test
    void oneThatEndsAgainAndAgainIsMissing() {
        for (int second = 0; second <= 16; second += 2) {
            statd.see(process(second, 'S', 0), at(second));
        }
        assertEquals("", statd.problem(at(16)));
        assertEquals(MISSING, statd.problem(at(17)));
    }

    @Test
    void oneThatSystemdHasStartedAnewIsNot() {
        statd.see(process(1, 'S', 0), at(0));
        statd.see(process(2, 'S', 0), at(2));
        statd.see(process(2, 'S', 0), at(4));
        assertEquals("", statd.problem(at(60)));
    }

    @Test
    void oneThatWasNeverSeenIsNot() {
        statd.see(Optional.empty(), at(0));
        assertEquals("", statd.problem(at(60)));
    }
}
