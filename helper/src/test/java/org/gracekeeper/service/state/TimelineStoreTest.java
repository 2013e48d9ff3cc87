// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verifyNoInteractions;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.timeline.Event;
import org.gracekeeper.timeline.Event.Kind;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TimelineStoreTest {
    private static final ServiceName WEB = new ServiceName("web");
    private static final List<Event> EVENTS = List.of(
            new Event(Kind.STOP, "node1", "boot1", 1_767_323_045_123L, 0, ""),
            new Event(Kind.DOWN, "open", "", 1_767_323_045_124L, 1234, ""),
            new Event(Kind.DONE, "", "", 1_767_323_045_200L, 0, "a \"lock\" is left"));

    @TempDir
    private Path dir;

    private final Kernel kernel = mock(Kernel.class);
    private StateDirectory state;
    private TimelineStore store;

    @BeforeEach
    void whatAStopLeft() throws IOException {
        state = new StateDirectory(Files.createDirectory(dir.resolve("state")));
        store = new TimelineStore(dir.resolve("timelines"), new DurableFiles(kernel));
        store.handOn(state, WEB, 7, EVENTS);
    }

    private void isNone(TimelineStore.Found found, String because) {
        assertEquals(List.of(), found.events());
        assertTrue(found.problem().contains(because), found.problem());
    }

    @Test
    void comesBackAsItWas() {
        assertEquals(new TimelineStore.Found(EVENTS, ""), store.handed(state, WEB, 7));
    }

    @Test
    void costsNoSync() {
        verifyNoInteractions(kernel);
    }

    @Test
    void isOfOneStopOnly() {
        isNone(store.handed(state, WEB, 6), "another stop");
        isNone(store.handed(state, WEB, 8), "another stop");
        isNone(store.handed(state, new ServiceName("db"), 7), "another stop");
    }

    @Test
    void theNodesOwnIsAddedToUntilItBeginsAnew() throws IOException {
        isNone(store.own(WEB), "no file");
        for (Event event : EVENTS) {
            store.append(WEB, event);
        }
        assertEquals(EVENTS, store.own(WEB).events());
        store.begin(WEB);
        assertEquals(List.of(), store.own(WEB).events());
    }

    @Test
    void cutShortItIsWhatWasWrittenBefore() throws IOException {
        byte[] all = Files.readAllBytes(state.timeline());
        for (int length = 0; length < all.length; length++) {
            Files.write(state.timeline(), Arrays.copyOf(all, length));
            TimelineStore.Found found = store.handed(state, WEB, 7);
            assertEquals(EVENTS.subList(0, found.events().size()), found.events(), length + " bytes");
            assertTrue(found.events().size() < EVENTS.size() || length == all.length - 1, length + " bytes");
        }
    }

    @Test
    void anyByteChangedThrowsNothing() throws IOException {
        byte[] all = Files.readAllBytes(state.timeline());
        for (int at = 0; at < all.length; at++) {
            for (int bit : new int[] {1, 0x80}) {
                byte[] damaged = all.clone();
                damaged[at] ^= bit;
                Files.write(state.timeline(), damaged);
                store.handed(state, WEB, 7);
            }
        }
    }

    @Test
    void garbageIsNone() throws IOException {
        for (String garbage : List.of("", "\n", "null\n", "[]\n", "{}\n", "\0\0\0", "{\"format\":1}\n",
                "{\"format\":2,\"service\":\"web\",\"generation\":7}\n{\"kind\":\"STOP\"}\n")) {
            Files.writeString(state.timeline(), garbage);
            isNone(store.handed(state, WEB, 7), "no timeline of format 1");
        }
        Files.delete(state.timeline());
        isNone(store.handed(state, WEB, 7), "there is no file");
        Files.createDirectory(state.timeline());
        isNone(store.handed(state, WEB, 7), "not a small regular file");
    }

    @Test
    void whatALaterVersionAddsIsPassedOver() throws IOException {
        Files.writeString(state.timeline(), """
                {"format":1,"service":"web","generation":7,"colour":"blue"}
                {"kind":"STOP","name":"node1","at":5,"mood":{"good":true}}
                {"kind":"TEA_BREAK","name":"node1","at":6}
                nonsense
                {"kind":"DONE","at":7}
                """);
        TimelineStore.Found found = store.handed(state, WEB, 7);
        assertEquals(List.of(Kind.STOP, Kind.DONE), found.events().stream().map(Event::kind).toList());
        assertEquals("1 lines of " + state.timeline() + " cannot be read", found.problem());
    }
}
