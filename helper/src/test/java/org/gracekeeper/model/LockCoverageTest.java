// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.gracekeeper.model.LockCoverage.Range;
import org.gracekeeper.model.LockLine.Access;
import org.junit.jupiter.api.Test;

class LockCoverageTest {
    private static Range read(long first, long last, int depth) {
        return new Range("/srv", 7, Access.READ, first, last, depth);
    }

    private static LockCoverage of(Range... ranges) {
        return LockCoverage.of(List.of(ranges));
    }

    @Test
    void mergedAndSplitRangesAreTheSame() {
        assertEquals(of(read(0, 9, 1)), of(read(0, 4, 1), read(5, 9, 1)));
        assertEquals(of(read(0, 9, 1), read(5, 14, 1)), of(read(0, 14, 1), read(5, 9, 1)));
    }

    @Test
    void depthCounts() {
        LockCoverage wanted = of(read(0, 9, 1), read(5, 14, 1));
        assertEquals(List.of(read(5, 9, 1)), wanted.missingFrom(of(read(0, 14, 1))).ranges());
        assertTrue(wanted.missingFrom(of(read(0, 14, 2))).isEmpty());
    }

    @Test
    void filesAndKindsOfAccessAreApart() {
        Range write = new Range("/srv", 7, Access.WRITE, 0, 9, 1);
        Range elsewhere = new Range("/srv", 8, Access.READ, 0, 9, 1);
        Range otherDisk = new Range("/mnt", 7, Access.READ, 0, 9, 1);
        assertFalse(of(read(0, 9, 1)).missingFrom(of(write, elsewhere, otherDisk)).isEmpty());
    }

    @Test
    void aRangeIsThereWhereAllOfItIsAsOften() {
        LockCoverage seen = of(read(0, 9, 1), read(5, 14, 1), read(20, LockLine.EOF, 1));
        assertTrue(seen.has(read(0, 14, 1)));
        assertTrue(seen.has(read(5, 9, 2)));
        assertFalse(seen.has(read(4, 9, 2)));
        assertFalse(seen.has(read(5, 10, 2)));
        assertFalse(seen.has(read(0, 15, 1)));
        assertTrue(seen.has(read(30, LockLine.EOF, 1)));
        assertFalse(seen.has(read(14, LockLine.EOF, 1)));
        assertFalse(seen.has(new Range("/srv", 7, Access.WRITE, 0, 9, 1)));
        assertFalse(seen.has(new Range("/srv", 8, Access.READ, 0, 9, 1)));
    }

    @Test
    void rangesToTheEndOfTheFile() {
        LockCoverage all = of(read(5, LockLine.EOF, 1));
        assertEquals(List.of(read(5, LockLine.EOF, 1)), all.ranges());
        assertEquals(List.of(read(10, LockLine.EOF, 1)), all.missingFrom(of(read(0, 9, 1))).ranges());
        assertTrue(all.missingFrom(of(read(0, LockLine.EOF, 1))).isEmpty());
    }

    @Test
    void agreesWithCountingByteByByte() {
        Random random = new Random(5);
        for (int i = 0; i < 2000; i++) {
            int[] a = new int[20];
            int[] b = new int[20];
            LockCoverage first = random(random, a);
            LockCoverage second = random(random, b);
            int[] max = new int[20];
            int[] missing = new int[20];
            for (int at = 0; at < 20; at++) {
                max[at] = Math.max(a[at], b[at]);
                missing[at] = Math.max(0, a[at] - b[at]);
            }
            assertEquals(of(max), first.max(second), "round " + i);
            assertEquals(of(missing), first.missingFrom(second), "round " + i);
        }
    }

    private static LockCoverage random(Random random, int[] depth) {
        List<Range> ranges = new ArrayList<>();
        for (int n = random.nextInt(6); n > 0; n--) {
            int first = random.nextInt(20);
            int last = first + random.nextInt(20 - first);
            ranges.add(read(first, last, 1));
            for (int at = first; at <= last; at++) {
                depth[at]++;
            }
        }
        return LockCoverage.of(ranges);
    }

    private static LockCoverage of(int[] depth) {
        List<Range> ranges = new ArrayList<>();
        for (int at = 0; at < depth.length; at++) {
            if (depth[at] > 0) {
                ranges.add(read(at, at, depth[at]));
            }
        }
        return LockCoverage.of(ranges);
    }
}
