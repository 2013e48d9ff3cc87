// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.task.Deadline;

/** nfs-server.service, which starts the node's own nfsd, as systemd knows it. Stateless, thread-safe. */
public final class NfsServerUnit {
    private static final String NAME = "nfs-server.service";
    private static final Pattern COMMAND = Pattern.compile("argv\\[\\]=(.*?) ; ignore_errors=", Pattern.DOTALL);
    /** With its arguments: where it is a part of a line of sh, up to the next command. */
    private static final Pattern RPC_NFSD = Pattern.compile("rpc\\.nfsd((?: [^ |&;]\\S*)*)");
    /** The count, which is kept, and where it logs to. */
    private static final String HARMLESS = " ([0-9]+|-d|--debug|-s|--syslog)(?= )";

    private final Node node;

    public NfsServerUnit(Node node) {
        this.node = node;
    }

    /** Whether it is about to be started or stopped, be it that this waits for other units. */
    public boolean hasJob(Deadline deadline) throws IOException {
        return show("Job", deadline).matches("[1-9][0-9]*");
    }

    /**
     * When it was last started, by an administrator or by an update of its package: in seconds since the node's boot, as long as the
     * node has never been suspended; 0 where it was not.
     */
    public double startedAt(Deadline deadline) throws IOException {
        String micros = show("ActiveEnterTimestampMonotonic", deadline);
        return micros.matches("[0-9]{1,18}") ? Long.parseLong(micros) / 1e6 : 0;
    }

    /**
     * What it gives rpc.nfsd on its command line beyond a count of threads and options that change nothing: a restart of nfsd by
     * this program does not repeat it, and knows nfs.conf alone.
     *
     * @param scope under which this program starts nfsd, empty for none
     */
    public Optional<String> argumentsOfItsOwn(String scope, Deadline deadline) throws IOException {
        return arguments(show("ExecStart", deadline), scope);
    }

    /** @param shown as systemctl shows ExecStart: commands without their quotes, {@code argv[]=... ; ignore_errors=...} */
    static Optional<String> arguments(String shown, String scope) {
        List<String> found = new ArrayList<>();
        Matcher commands = COMMAND.matcher(shown);
        while (commands.find()) {
            Matcher calls = RPC_NFSD.matcher(commands.group(1).replaceAll("[\\s\"']+", " "));
            while (calls.find()) {
                String arguments = calls.group(1).strip();
                String own = (" " + arguments + " ").replaceAll(" (-S|--scope)[ =]" + Pattern.quote(scope) + "(?= )", "")
                        .replaceAll(HARMLESS, "");
                if (!own.isBlank()) {
                    found.add(arguments);
                }
            }
        }
        return found.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", found));
    }

    private String show(String property, Deadline deadline) throws IOException {
        return node.run(deadline, "systemctl", "show", "--value", "--property=" + property, NAME).out().strip();
    }
}
