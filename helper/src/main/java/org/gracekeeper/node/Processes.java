// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.KernelException;

/**
 * The processes inside a service's network namespace. Membership is read from the kernel rather than from systemd, so
 * that nothing is missed and nothing has to be asked over D-Bus. Thread-safe.
 */
public final class Processes {
    private static final Path PROC = Path.of("/proc");
    /**
     * What programs are executed as, where that is not their own name: other agents would take them for theirs by that
     * (packaging/stage).
     */
    private static final Map<String, String> NAMES =
            Map.of("rpc.mountd", "gk-mountd", "rpc.statd", "gk-statd", "sm-notify", "gk-notify");

    private final Kernel kernel;

    public Processes(Kernel kernel) {
        this.kernel = kernel;
    }

    /**
     * @param comm what it was executed as, at most 15 characters (TASK_COMM_LEN)
     */
    public record Process(int pid, String comm) {
        /** Also of one that an earlier version of the units has started. */
        public boolean runs(String program) {
            return comm.equals(program) || comm.equals(NAMES.get(program));
        }
    }

    /** What to execute for a program, so that nobody takes it for his own. */
    public static String command(String program) {
        String name = NAMES.get(program);
        return name == null ? program : "/usr/libexec/gracekeeper/" + name;
    }

    /** All but this program itself, whose threads enter and leave the namespace. */
    public List<Process> in(Path netnsFile) throws IOException {
        List<Process> found = new ArrayList<>();
        if (!Files.exists(netnsFile)) {
            return found;
        }
        String wanted = namespace(netnsFile);
        long self = ProcessHandle.current().pid();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path entry : entries) {
                int pid = Integer.parseInt(entry.getFileName().toString());
                if (pid != self && wanted.equals(namespaceOf(entry))) {
                    found.add(new Process(pid, comm(entry)));
                }
            }
        }
        return found;
    }

    /** Those of {@code known} that are still in there, as they are now; without a look at all processes of the node. */
    public List<Process> still(Path netnsFile, List<Process> known) throws IOException {
        List<Process> found = new ArrayList<>();
        if (known.isEmpty() || !Files.exists(netnsFile)) {
            return found;
        }
        String wanted = namespace(netnsFile);
        for (Process process : known) {
            Path entry = PROC.resolve(Integer.toString(process.pid()));
            if (wanted.equals(namespaceOf(entry))) {
                found.add(new Process(process.pid(), comm(entry)));
            }
        }
        return found;
    }

    /** One process, if it is in there. */
    public Optional<Process> one(Path netnsFile, int pid) throws IOException {
        return still(netnsFile, List.of(new Process(pid, ""))).stream().findFirst();
    }

    public Optional<Process> find(Path netnsFile, String program) throws IOException {
        return in(netnsFile).stream().filter(p -> p.runs(program)).findFirst();
    }

    /** Whether the process has an inotify descriptor open: nfsdcld's last step before it waits for nfsd. */
    public boolean watchesFiles(int pid) {
        try (DirectoryStream<Path> fds = Files.newDirectoryStream(PROC.resolve(Integer.toString(pid)).resolve("fd"))) {
            for (Path fd : fds) {
                if (Files.readSymbolicLink(fd).toString().equals("anon_inode:inotify")) {
                    return true;
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException e) {
            return false;
        }
        return false;
    }

    public void signal(List<Process> processes, int signal) throws IOException {
        for (Process process : processes) {
            try {
                kernel.kill(process.pid(), signal);
            } catch (KernelException e) {
                if (e.errno() != Errno.ESRCH) {
                    throw e;
                }
            }
        }
    }

    private static String namespace(Path netnsFile) throws IOException {
        return "net:[" + Files.getAttribute(netnsFile, "unix:ino") + "]";
    }

    private static String namespaceOf(Path proc) {
        try {
            return Files.readSymbolicLink(proc.resolve("ns/net")).toString();
        } catch (IOException e) {
            // Ended meanwhile, or a kernel thread without a namespace link of its own.
            return "";
        }
    }

    private static String comm(Path proc) {
        try {
            return Files.readString(proc.resolve("comm"), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            return "";
        }
    }
}
