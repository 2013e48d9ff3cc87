// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.timeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.timeline.Event.Kind;
import org.junit.jupiter.api.Test;

class TimelineTest {
    private static final Recorded NOTHING = new Recorded();

    @Test
    void aMoveAsText() {
        assertEquals("""
                web: moved from node1 to node2, 2026-01-02 03:04:05.000 +00:00

                         at        took
                   +0.000 s              node1  stop requested
                   +0.000 s     0.010 s  node1  prepare
                   +0.010 s     0.010 s  node1  down recovery
                   +0.020 s     0.030 s  node1  down open: clients are shut out
                   +0.050 s     0.245 s  node1  down claim
                   +0.300 s              node1  stopped
                   +0.300 s     0.700 s         Pacemaker, agents and storage
                   +1.000 s              node2  start requested
                   +1.000 s     0.100 s  node2  prepare
                   +1.100 s     0.100 s  node2  up claim
                   +1.200 s     0.100 s  node2  up server
                   +1.300 s     0.100 s  node2  up open: clients get through
                   +1.300 s     0.250 s  node2  NLM grace: 2 of 2 locks back
                   +1.300 s     3.000 s  node2  NFSv4 grace: its time is over
                   +1.400 s     0.090 s  node2  up recovery
                   +1.500 s              node2  started
                   +4.350 s              node2  recovered: nobody can reclaim any more

                not reachable 1.350 s
                  0.700 s  52 %  Pacemaker, agents and storage
                  0.245 s  18 %  node1 down claim
                  0.100 s   7 %  node2 prepare
                  0.305 s  23 %  everything else
                NLM grace 0.250 s: 2 of 2 locks back
                NFSv4 grace 3.000 s: its time is over
                """, TimelineText.of(Recorded.move(), ZoneOffset.UTC));
    }

    @Test
    void theOutageIsFromShuttingOutToLettingIn() {
        Outage outage = Recorded.move().outage();
        assertTrue(outage.shutKnown());
        assertEquals(Recorded.ZERO + 50, outage.from());
        assertEquals(Optional.of(1_350_000L), outage.micros());
        assertEquals(1_350_000 - 5_000, outage.parts().stream().mapToLong(Outage.Part::micros).sum());
        assertEquals(5_000, outage.rest());
    }

    @Test
    void afterACrashThereIsNoStop() {
        Timeline crash = Recorded.timeline(Recorded.start("node2", 0, Kind.AFTER_CRASH, "node1"), NOTHING, "is of another stop");
        assertEquals("started on node2, not stopped in order on node1", crash.title());
        assertEquals(List.of("no stop is recorded: node1 died with the service, or could not write any more"), crash.notes());
        assertFalse(crash.outage().shutKnown());
        assertEquals("from the start request until clients get through 0.400 s", crash.summary().get(0));
    }

    @Test
    void aStopInOrderOfWhichTheTimesAreLost() {
        Timeline lost = Recorded.timeline(Recorded.start("node2", 0, Kind.AFTER_STOP, "node1"), NOTHING, "no file");
        assertEquals("started on node2", lost.title());
        assertEquals(List.of("the stop on node1 was in order, but its times are not known: no file"), lost.notes());
    }

    @Test
    void theFirstStartHasNothingBeforeIt() {
        Timeline first = Recorded.timeline(new Recorded().begin(Kind.START, "node1", 0).step(Kind.UP, "open", 10, 20), NOTHING,
                "no file");
        assertEquals("started for the first time on node1", first.title());
        assertEquals(List.of(), first.notes());
        assertTrue(first.recovering());
    }

    @Test
    void whatThePreviousNodeCouldNotWriteIsSaid() {
        assertEquals(List.of("1 lines cannot be read"), Recorded.timeline(
                Recorded.start("node2", 1000, Kind.AFTER_STOP, "node1"), Recorded.stop("node1", 0), "1 lines cannot be read").notes());
    }

    @Test
    void clocksThatDifferAreNamed() {
        Timeline skewed = Recorded.timeline(Recorded.start("node2", 100, Kind.AFTER_STOP, "node1"), Recorded.stop("node1", 0), "");
        assertTrue(skewed.notes().get(0).startsWith("the clocks of node1 and node2 differ by 0.200 s or more"), skewed.notes().get(0));
        assertTrue(skewed.rows().stream().anyMatch(row -> row.look() == Row.Look.GAP && row.micros() == -200_000));
        assertTrue(skewed.outage().parts().stream().noneMatch(part -> part.micros() <= 0));
    }

    @Test
    void aClockThatWasSetBackIsNamed() {
        Timeline back = Recorded.timeline(Recorded.start("node1", 100, Kind.AFTER_STOP, "node1"), Recorded.stop("node1", 0), "");
        assertTrue(back.notes().get(0).startsWith("the clock of node1 was set back by 0.200 s"), back.notes().get(0));
    }

    @Test
    void aStartThatFailedIsAPartOfTheOutage() {
        Recorded own = new Recorded().begin(Kind.START, "node2", 1000).event(Kind.UP, "link", 1010, 500, "no device eth9")
                .event(Kind.DONE, "", 1520, 0, "no device eth9")
                .begin(Kind.STOP, "node2", 1520).step(Kind.DOWN, "open", 1520, 1).done(1600);
        Timeline failed = Recorded.timeline(own, Recorded.stop("node1", 0), "");
        assertEquals("stopped on node2", failed.title());
        assertEquals("not reachable: not over yet", failed.summary().get(0));

        own.thenStart("node2", 2000, Kind.AFTER_STOP, "node2");
        Timeline over = Recorded.timeline(own, Recorded.stop("node1", 0), "");
        assertEquals("moved from node1 to node2", over.title());
        assertEquals("not reachable 2.350 s", over.summary().get(0));
        assertTrue(over.rows().stream().anyMatch(row -> row.what().equals("up link failed: no device eth9")));
    }

    @Test
    void onlyTheLastOutageIsShown() {
        List<Phase> all = Recorded.start("node1", 0, Kind.AFTER_STOP, "node2").begin(Kind.STOP, "node1", 5000).done(5100)
                .thenStart("node1", 5200, Kind.AFTER_STOP, "node1").phases();
        assertEquals(all.subList(1, 3), Phase.last(all));
        assertEquals(all.subList(1, 2), Phase.last(all.subList(0, 2)));
        assertEquals(all.subList(0, 1), Phase.last(all.subList(0, 1)));
        assertEquals("restarted on node1", Timeline.of("web", all, List.of(), "", List.of()).title());
    }

    @Test
    void anEmergencyStopIsOneStop() {
        Timeline emergency = Recorded.timeline(Recorded.start("node2", 1000, Kind.AFTER_CRASH, "node1"),
                new Recorded().begin(Kind.EMERGENCY_STOP, "node1", 0).step(Kind.DOWN, "open", 5, 0).done(900), "");
        assertEquals("moved from node1 to node2", emergency.title());
        assertEquals(List.of(), emergency.notes());
        assertEquals("not reachable 1.395 s", emergency.summary().get(0));
    }

    @Test
    void veryManyTriesAreCutInTheMiddle() {
        Recorded tries = new Recorded();
        for (int i = 0; i < 40; i++) {
            tries.begin(Kind.STOP, "node" + i, i);
        }
        List<Phase> few = Phase.bounded(tries.phases());
        assertEquals("node0", few.get(0).node());
        assertEquals("node39", few.get(few.size() - 1).node());
        assertTrue(few.size() < 20);
    }

    @Test
    void nothingInATextIsATerminalsBusiness() {
        assertEquals("a [2J b", new Event(Kind.UP, "a\u001b[2J\n\u009bb", null, 0, 0, null).name());
    }
}
