// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.io.IOException;
import java.util.List;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.standby.Standbys;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.task.Deadline;

/** The stop that needs nothing but the plain files below /run: the same script the agent uses without a helper. */
public final class EmergencyStop {
    private static final String SCRIPT = "/usr/libexec/gracekeeper/nfs-emergency";

    private final Commands commands;
    private final ServiceNamespaces namespaces;
    private final Standbys standbys;

    public EmergencyStop(Commands commands, ServiceNamespaces namespaces, Standbys standbys) {
        this.commands = commands;
        this.namespaces = namespaces;
        this.standbys = standbys;
    }

    /** Whether there are namespaces of a service that has no record: somebody removed it by hand. Those of a standby never have any. */
    boolean isNeeded(ServiceName name) {
        return !standbys.stands(name) && namespaces.any(new Instance(name));
    }

    void run(ServiceName name, Deadline deadline) throws IOException, OcfException {
        // It looks for the pins of the namespaces, which the host's mount namespace has and the helper's may not.
        CommandResult result = commands.run(deadline.remaining(), null,
                List.of("nsenter", "--mount=" + Namespaces.HOST.mount(), "--",
                        SCRIPT, "stop", name.value(), Long.toString(deadline.remaining().toSeconds())));
        // It answers as the helper does: the exit code on a line of its own.
        if (!result.ok() || !result.out().startsWith("0\n")) {
            throw new OcfException(OcfCode.GENERIC, "service " + name + " is not stopped: " + result.out().replace("\n", "; ") + result.err());
        }
    }
}
