// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.util.List;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.nfsd.NsmState;
import org.gracekeeper.service.notify.HostNotifier;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.stack.UncheckedLayer;
import org.gracekeeper.service.state.RunningService;

/** Tells the NFSv3 hosts of the node before that their server has restarted, when its addresses are here. */
public final class SharedNotifyLayer implements UncheckedLayer {
    private final HostNotifier notifier;

    public SharedNotifyLayer(HostNotifier notifier) {
        this.notifier = notifier;
    }

    @Override
    public String name() {
        return "notify";
    }

    @Override
    public void up(Operation operation) throws IOException {
        RunningService service = operation.service();
        List<InetAddress> addresses = service.config().addresses().stream().map(InetPrefix::address).toList();
        NsmState number = NsmState.read(service.state().nsmState())
                .orElseThrow(() -> new IOException(service.state().nsmState() + " is gone"));
        List<String> told = notifier.begin(operation.instance().name().value(), service.state().nsm(), addresses, number,
                operation.deadline(), operation::warn);
        if (!told.isEmpty()) {
            operation.info("notifying " + String.join(", ", told));
        }
    }

    @Override
    public void down(Operation operation) throws IOException {
        notifier.end(operation.instance().name().value(), operation.deadline());
    }
}
