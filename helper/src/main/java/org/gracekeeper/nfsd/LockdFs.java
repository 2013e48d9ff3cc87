// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.gracekeeper.sys.Kernel;

/**
 * lockd's own switches. The grace files act on the calling <em>thread's</em> net namespace (fs/lockd/procfs.c); the
 * sysctls are one set for the whole node, read when an instance starts: set, start and restore them under one lock.
 * Thread-safe.
 */
public final class LockdFs {
    private static final int MAX = 4096;

    private final Kernel kernel;
    private final Path endGrace;
    private final Path sysctls;

    /**
     * @param proc    usually /proc/fs/lockd
     * @param sysctls usually /proc/sys/fs/nfs; exists once the module lockd is loaded
     */
    public LockdFs(Kernel kernel, Path proc, Path sysctls) {
        this.kernel = kernel;
        this.endGrace = proc.resolve("nlm_end_grace");
        this.sysctls = sysctls;
    }

    /** Whether lockd is not in grace here; also true where it never started. */
    public boolean graceEnded() throws IOException {
        return NfsdFs.isYes(endGrace.toString(), text(endGrace));
    }

    /** Ends lockd's grace at once; harmless when it is over. */
    public void endGrace() throws IOException {
        write(endGrace, "Y");
    }

    /** Seconds; 0 means 5 times nlm_timeout, 50 s unless changed. */
    public int gracePeriod() throws IOException {
        return number("nlm_grace_period");
    }

    /** @param seconds 0 to 240; the kernel rounds up to a multiple of {@link #timeout} when it uses it */
    public void setGracePeriod(int seconds) throws IOException {
        setNumber("nlm_grace_period", seconds);
    }

    /** How long a grace period that begins now lasts, in seconds (fs/lockd/svc.c, get_lockd_grace_period). */
    public int graceTime() throws IOException {
        int period = gracePeriod();
        int timeout = timeout();
        return period == 0 ? 5 * timeout : (period + timeout - 1) / timeout * timeout;
    }

    /** Seconds, 3 to 20; 10 unless changed. */
    public int timeout() throws IOException {
        return number("nlm_timeout");
    }

    /** 0 means any port. */
    public int tcpPort() throws IOException {
        return number("nlm_tcpport");
    }

    public void setTcpPort(int port) throws IOException {
        setNumber("nlm_tcpport", port);
    }

    /** 0 means any port. */
    public int udpPort() throws IOException {
        return number("nlm_udpport");
    }

    public void setUdpPort(int port) throws IOException {
        setNumber("nlm_udpport", port);
    }

    private int number(String name) throws IOException {
        Path file = sysctls.resolve(name);
        return NfsdFs.parseNumber(file.toString(), text(file));
    }

    private void setNumber(String name, int value) throws IOException {
        write(sysctls.resolve(name), Integer.toString(value));
    }

    private String text(Path file) throws IOException {
        return new String(kernel.read(file, MAX), StandardCharsets.ISO_8859_1);
    }

    private void write(Path file, String value) throws IOException {
        kernel.writeOnce(file, (value + "\n").getBytes(StandardCharsets.US_ASCII));
    }
}
