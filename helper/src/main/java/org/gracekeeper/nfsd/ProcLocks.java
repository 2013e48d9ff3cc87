// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.UnexpectedFormatException;
import org.gracekeeper.sys.Kernel;

/**
 * The node's file locks. The list shows only locks of processes in the pid namespace of the mounted /proc. Thread-safe: who reads
 * has its turn, since the list is that of all services, and many that stop or recover at once would each have the whole of it in
 * memory. They would not be quicker: in the kernel one reader waits for the other, but for no storage (fs/locks.c, locks_start).
 * Who is interrupted while it waits gets an {@link InterruptedIOException}, and keeps the interrupt status.
 */
public final class ProcLocks {
    private static final int MAX = 1 << 28;
    /** lock_get_status() in fs/locks.c. */
    private static final Pattern LINE = Pattern.compile(
            "[0-9]{1,19}: *(-> )?(POSIX|FLOCK|OFDLCK|ACCESS|LEASE|DELEG|UNKNOWN) *(\\S+) +(READ|WRITE|UNLCK) (-?[0-9]{1,10})"
                    + " (?:<none>:0|([0-9a-f]{2,8}):([0-9a-f]{2,8}):([0-9]{1,20})) (-?[0-9]{1,19}) (EOF|-?[0-9]{1,19})");

    private final Kernel kernel;
    private final Path file;
    private final ReentrantLock turn = new ReentrantLock(true);

    /** @param file usually /proc/locks */
    public ProcLocks(Kernel kernel, Path file) {
        this.kernel = kernel;
        this.file = file;
    }

    /** All locks and waiters now; not one snapshot when they are many, see {@link #readings}. */
    public List<LockLine> read() throws IOException {
        return inTurn(ProcLocks::parse);
    }

    /** Those on {@code devices} that {@code wanted} accepts, in one reading. Lines about other devices are not looked at. */
    public List<LockLine> read(Collection<DeviceId> devices, Predicate<LockLine> wanted) throws IOException {
        List<LockLine> lines = new ArrayList<>();
        for (String text : textsAbout(devices)) {
            LockLine line = parseLine(text);
            if (devices.contains(line.dev()) && wanted.test(line)) {
                lines.add(line);
            }
        }
        return lines;
    }

    /** The lines that may be about them. */
    private List<String> textsAbout(Collection<DeviceId> devices) throws IOException {
        List<String> marks = devices.stream().map(ProcLocks::mark).toList();
        return inTurn(list -> list.lines().filter(text -> marks.stream().anyMatch(text::contains)).toList());
    }

    /** What is wanted of the whole list, which is let go of before anybody else reads it. */
    @FunctionalInterface
    private interface Part<T> {
        T of(String list) throws IOException;
    }

    private <T> T inTurn(Part<T> part) throws IOException {
        try {
            turn.lockInterruptibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException(file + ": interrupted while others read it");
        }
        try {
            return part.of(new String(kernel.read(file, MAX), StandardCharsets.ISO_8859_1));
        } finally {
            turn.unlock();
        }
    }

    /**
     * Several readings of those locks on {@code devices} that {@code wanted} accepts: each line with how often it is
     * there. Lines about other devices are not looked at.
     *
     * <p>One reading may lack a line, or have one twice. The kernel prints a page at a time and lets go of its lock in
     * between (fs/seq_file.c, seq_read_iter), and takes its place in the list up again by counting: what anybody locks or
     * unlocks meanwhile moves lines across that place.
     */
    public List<Map<LockLine, Integer>> readings(Collection<DeviceId> devices, Predicate<LockLine> wanted, int count)
            throws IOException {
        // Most lines are the same in all readings but for the number before them: to parse is what costs.
        Map<String, LockLine> parsed = new HashMap<>();
        List<Map<LockLine, Integer>> readings = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Map<LockLine, Integer> lines = new HashMap<>();
            for (String text : textsAbout(devices)) {
                String unnumbered = text.substring(text.indexOf(':') + 1);
                LockLine line = parsed.get(unnumbered);
                if (line == null) {
                    line = parseLine(text);
                    parsed.put(unnumbered, line);
                }
                if (wanted.test(line)) {
                    lines.merge(line, 1, Integer::sum);
                }
            }
            readings.add(lines);
        }
        return readings;
    }

    /** What only lines about this device have in them. */
    private static String mark(DeviceId device) {
        return String.format(" %02x:%02x:", device.major(), device.minor());
    }

    /** Lines about no file (a lease's breaker) are left out. */
    public static List<LockLine> parse(String text) throws UnexpectedFormatException {
        List<LockLine> locks = new ArrayList<>();
        for (String line : text.split("\n")) {
            LockLine lock = line.isBlank() ? null : parseLine(line);
            if (lock != null) {
                locks.add(lock);
            }
        }
        return locks;
    }

    /** Null for a line about no file. */
    private static LockLine parseLine(String line) throws UnexpectedFormatException {
        Matcher m = LINE.matcher(line);
        if (!m.matches()) {
            throw new UnexpectedFormatException("/proc/locks", line);
        }
        if (m.group(6) == null) {
            return null;
        }
        try {
            return new LockLine(
                    LockLine.Kind.valueOf(m.group(2)),
                    LockLine.Access.valueOf(m.group(4)),
                    Integer.parseInt(m.group(5)),
                    new DeviceId(Integer.parseUnsignedInt(m.group(6), 16), Integer.parseUnsignedInt(m.group(7), 16)),
                    Long.parseUnsignedLong(m.group(8)),
                    Long.parseLong(m.group(9)),
                    m.group(10).equals("EOF") ? LockLine.EOF : Long.parseLong(m.group(10)),
                    m.group(1) != null);
        } catch (NumberFormatException e) {
            throw new UnexpectedFormatException("/proc/locks", line);
        }
    }
}
