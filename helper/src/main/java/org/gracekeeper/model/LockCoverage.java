// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntBinaryOperator;

/**
 * How many locks cover each byte of each file, for each kind of access.
 *
 * <p>This is what can be compared before and after a move. Lines of /proc/locks cannot: the kernel merges and splits the
 * ranges of an owner as it likes (fs/locks.c, posix_lock_inode), and the owners of NLM locks cannot be told apart there,
 * because the pid is lockd's. But an owner covers a byte at most once, so merging and splitting do not change the depth
 * at any byte. Immutable.
 */
public final class LockCoverage {
    public static final LockCoverage NONE = new LockCoverage(Map.of());

    private record File(String fileSystem, long inode, LockLine.Access access) implements Comparable<File> {
        @Override
        public int compareTo(File other) {
            int order = fileSystem.compareTo(other.fileSystem);
            order = order != 0 ? order : Long.compare(inode, other.inode);
            return order != 0 ? order : access.compareTo(other.access);
        }
    }

    /** For each file the depth from a byte on, up to the next key. */
    private final Map<File, NavigableMap<Long, Integer>> steps;

    private LockCoverage(Map<File, NavigableMap<Long, Integer>> steps) {
        this.steps = steps;
    }

    /**
     * A range that is covered all over.
     *
     * @param fileSystem a name that is the same on every node, unlike a device number
     * @param last last byte, or {@link LockLine#EOF}
     * @param depth by how many locks, at least 1
     */
    public record Range(String fileSystem, long inode, LockLine.Access access, long first, long last, int depth) {}

    public static LockCoverage of(Collection<Range> ranges) {
        Map<File, NavigableMap<Long, Integer>> changes = new TreeMap<>();
        for (Range range : ranges) {
            File file = new File(range.fileSystem(), range.inode(), range.access());
            NavigableMap<Long, Integer> at = changes.computeIfAbsent(file, f -> new TreeMap<>());
            at.merge(range.first(), range.depth(), Integer::sum);
            if (range.last() < LockLine.EOF) {
                at.merge(range.last() + 1, -range.depth(), Integer::sum);
            }
        }
        changes.values().forEach(at -> {
            int depth = 0;
            for (Map.Entry<Long, Integer> change : at.entrySet()) {
                depth += change.getValue();
                change.setValue(depth);
            }
        });
        return new LockCoverage(changes);
    }

    /** The greater depth of both, byte by byte. */
    public LockCoverage max(LockCoverage other) {
        TreeSet<File> files = new TreeSet<>(steps.keySet());
        files.addAll(other.steps.keySet());
        return combine(files, other, Math::max);
    }

    /** What of this {@code seen} does not have, byte by byte. Files that are in {@code seen} alone cost nothing. */
    public LockCoverage missingFrom(LockCoverage seen) {
        return combine(steps.keySet(), seen, (wanted, got) -> Math.max(0, wanted - got));
    }

    /** Whether each byte of the range has its depth at least. Other locks, of the same file too, cost next to nothing. */
    public boolean has(Range range) {
        NavigableMap<Long, Integer> at = steps.get(new File(range.fileSystem(), range.inode(), range.access()));
        return at != null && depth(at, range.first()) >= range.depth()
                && at.subMap(range.first(), true, range.last(), true).values().stream().allMatch(depth -> depth >= range.depth());
    }

    public boolean isEmpty() {
        return ranges().isEmpty();
    }

    /** The covered ranges, each as long as its depth allows, in order. */
    public List<Range> ranges() {
        List<Range> ranges = new ArrayList<>();
        steps.forEach((file, at) -> {
            Range open = null;
            for (Map.Entry<Long, Integer> step : at.entrySet()) {
                if (open != null && open.depth() == step.getValue()) {
                    continue;
                }
                if (open != null) {
                    ranges.add(range(file, open.first(), step.getKey() - 1, open.depth()));
                }
                open = step.getValue() > 0 ? range(file, step.getKey(), LockLine.EOF, step.getValue()) : null;
            }
            if (open != null) {
                ranges.add(open);
            }
        });
        return ranges;
    }

    private static Range range(File file, long first, long last, int depth) {
        return new Range(file.fileSystem(), file.inode(), file.access(), first, last, depth);
    }

    private LockCoverage combine(Collection<File> files, LockCoverage other, IntBinaryOperator operator) {
        Map<File, NavigableMap<Long, Integer>> result = new TreeMap<>();
        for (File file : files) {
            NavigableMap<Long, Integer> mine = steps.getOrDefault(file, new TreeMap<>());
            NavigableMap<Long, Integer> others = other.steps.getOrDefault(file, new TreeMap<>());
            TreeSet<Long> bounds = new TreeSet<>(mine.keySet());
            bounds.addAll(others.keySet());
            NavigableMap<Long, Integer> combined = new TreeMap<>();
            bounds.forEach(at -> combined.put(at, operator.applyAsInt(depth(mine, at), depth(others, at))));
            result.put(file, combined);
        }
        return new LockCoverage(result);
    }

    private static int depth(NavigableMap<Long, Integer> at, long position) {
        Map.Entry<Long, Integer> step = at.floorEntry(position);
        return step == null ? 0 : step.getValue();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LockCoverage coverage && ranges().equals(coverage.ranges());
    }

    @Override
    public int hashCode() {
        return ranges().hashCode();
    }

    @Override
    public String toString() {
        return ranges().toString();
    }
}
