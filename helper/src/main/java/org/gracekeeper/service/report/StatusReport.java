// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.report;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.LockLine;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.RecoveryDecision;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.Table;
import org.gracekeeper.service.action.Stacks;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.stack.LayerStack;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.standby.PreparedList;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;

/** What {@code gracekeeper status} shows: services, layers, addresses, grace, holders. Thread-safe. */
public final class StatusReport {
    private static final String NOT_IN_FORCE = "parameters of the last change are not in force: ";

    private final Registry registry;
    private final Stacks stacks;
    private final Holdings holdings;
    private final RecordsLayer records;
    private final Recovery recovery;
    private final PreparedList prepared;

    public StatusReport(Registry registry, Stacks stacks, Holdings holdings, RecordsLayer records, Recovery recovery,
            PreparedList prepared) {
        this.registry = registry;
        this.stacks = stacks;
        this.holdings = holdings;
        this.records = records;
        this.recovery = recovery;
        this.prepared = prepared;
    }

    /**
     * A service as the command line shows it.
     *
     * @param grace {@code none}, or which of {@code NLM} and {@code NFSv4} refuse new locks
     * @param graceSecondsLeft at most
     * @param state starting, recovering, serving, damaged or stopping; prepared where it does not run, and something is prepared
     *     for it: then there is its device, and nothing else
     * @param missing who may still reclaim, and what
     * @param locks of NFS clients on the exported file systems, as /proc/locks shows them; an NFSv4 client with a
     *     delegation keeps its locks to itself
     * @param refused why parameters that came later are not those it runs with; empty when none did
     * @param remarks what else the monitor reports
     */
    public record ServiceStatus(
            String service,
            String state,
            List<String> addresses,
            String device,
            List<String> exports,
            String grace,
            double graceSecondsLeft,
            long locks,
            List<Holder> holders,
            List<RecoveryDecision.Missing> missing,
            List<LayerStack.LayerState> layers,
            String refused,
            List<String> remarks) {

        public ServiceStatus {
            remarks = List.copyOf(remarks);
        }

        /** All of them as one text, for who reads the JSON and does not know that there may be several. */
        public String remark() {
            return String.join("; ", remarks);
        }
    }

    /**
     * A client that holds or may hold state.
     *
     * @param protocol {@code NFSv3} or {@code NFSv4.x}
     * @param detail what it holds, as far as the kernel tells: for NFSv3 only that statd monitors it
     */
    public record Holder(String protocol, String client, String detail) {}

    /**
     * An array with an object for each service, see {@link ServiceStatus}; after those that run here, and unless one is asked for,
     * those for which something is prepared.
     */
    public String json(Optional<ServiceName> only) throws IOException, InterruptedException {
        List<ServiceStatus> all = collect(only);
        if (only.isEmpty()) {
            prepared.all().forEach(each -> all.add(status(each)));
        }
        return Json.text(Json.array(all, StatusJson::of));
    }

    private static ServiceStatus status(PreparedList.Prepared prepared) {
        return new ServiceStatus(prepared.name().value(), "prepared", List.of(), prepared.parent(), List.of(), "none", 0, 0,
                List.of(), List.of(), List.of(), "", prepared.complete() ? List.of() : List.of("prepared in part"));
    }

    /** All there is to say of one service; a table with a line for each when there are several and none is named. */
    public String text(Optional<ServiceName> only) throws IOException, InterruptedException {
        List<ServiceStatus> all = collect(only);
        String others = only.isPresent() ? "" : PreparedList.text(prepared.all());
        if (all.isEmpty()) {
            return "no service runs on this node\n" + others;
        }
        return (all.size() == 1 ? details(all) : table(all)) + others;
    }

    static String table(List<ServiceStatus> all) {
        Table table = new Table("SERVICE", "STATE", "ADDRESSES", "GRACE", "CLIENTS", "LOCKS", "REMARK");
        for (ServiceStatus s : all) {
            // A host that statd monitors and that may reclaim is one client.
            long clients = s.holders().stream().map(h -> h.protocol() + " " + h.client()).distinct().count();
            table.add(s.service(), s.state(), String.join(" ", s.addresses()), grace(s, " s"), Long.toString(clients),
                    Long.toString(s.locks()), remark(s));
        }
        return table.toString();
    }

    /** The first layer that is wrong; where none is, all that the monitor reports, or else how many are waited for. */
    private static String remark(ServiceStatus s) {
        Optional<LayerStack.LayerState> wrong = s.layers().stream().filter(layer -> !layer.state().equals("ok")).findFirst();
        if (wrong.isPresent()) {
            return oneLine(wrong.get().layer() + ": " + wrong.get().state());
        }
        List<String> all = new ArrayList<>();
        if (!s.refused().isEmpty()) {
            all.add(NOT_IN_FORCE + s.refused());
        }
        all.addAll(s.remarks());
        if (all.isEmpty()) {
            return s.missing().isEmpty() ? "" : s.missing().size() + " missing";
        }
        return oneLine(String.join("; ", all));
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\s+", " ");
    }

    private static String grace(ServiceStatus s, String afterSeconds) {
        return s.graceSecondsLeft() > 0 && !s.grace().equals("none")
                ? s.grace() + String.format(", %.0f", s.graceSecondsLeft()) + afterSeconds : s.grace();
    }

    static String details(List<ServiceStatus> all) {
        StringBuilder text = new StringBuilder();
        for (ServiceStatus s : all) {
            text.append(s.service()).append(": ").append(s.state()).append('\n');
            text.append("  addresses  ").append(String.join(" ", s.addresses())).append(" on ").append(s.device())
                    .append('\n');
            text.append("  exports    ").append(String.join(" ", s.exports())).append('\n');
            text.append("  grace      ").append(grace(s, " s left at most"));
            text.append("\n  locks      ").append(s.locks()).append(" held by NFS clients\n");
            for (Holder holder : s.holders()) {
                text.append("  holder     ").append(holder.protocol()).append(' ').append(holder.client())
                        .append("  ").append(holder.detail()).append('\n');
            }
            s.missing().forEach(m -> text.append("  missing    ").append(m.protocol()).append(' ').append(m.client())
                    .append("  ").append(m.holds()).append('\n'));
            for (LayerStack.LayerState layer : s.layers()) {
                if (!layer.state().equals("ok")) {
                    text.append("  problem    ").append(layer.layer()).append(": ").append(layer.state()).append('\n');
                }
            }
            if (!s.refused().isEmpty()) {
                text.append("  problem    ").append(NOT_IN_FORCE).append(oneLine(s.refused())).append('\n');
            }
            s.remarks().forEach(remark -> text.append("  remark     ").append(oneLine(remark)).append('\n'));
        }
        return text.toString();
    }

    private List<ServiceStatus> collect(Optional<ServiceName> only) throws IOException, InterruptedException {
        List<ServiceStatus> all = new ArrayList<>();
        for (ServiceName name : registry.names(only)) {
            Optional<RunningService> service;
            try {
                service = registry.load(name);
            } catch (IOException e) {
                all.add(unreadable(name, e));
                continue;
            }
            if (service.isPresent()) {
                all.add(status(service.get()));
            }
        }
        return all;
    }

    /** One that nothing is known of is no reason to hide the others. */
    private static ServiceStatus unreadable(ServiceName name, IOException e) {
        return new ServiceStatus(name.value(), "damaged", List.of(), "", List.of(), "unknown", 0, 0, List.of(), List.of(),
                List.of(new LayerStack.LayerState("record", String.valueOf(e.getMessage()))), "", List.of());
    }

    private ServiceStatus status(RunningService service) throws InterruptedException {
        Operation operation = new Operation(
                service, Deadline.after(java.time.Duration.ofSeconds(20)), System.nanoTime(), (level, text) -> { });
        LayerStack stack = stacks.of(service.config());
        List<LayerStack.LayerState> layers = stack.states(operation);
        boolean healthy = layers.stream().allMatch(l -> l.state().equals("ok"));
        String grace = "unknown";
        double left = 0;
        long locks = 0;
        List<Holder> holders = List.of();
        List<RecoveryDecision.Missing> missing = List.of();
        List<String> remarks = List.of();
        boolean serves = service.serving() && registry.isComplete(service.config().name());
        String state = service.stopping() ? "stopping" : !serves ? "starting" : healthy ? "serving" : "damaged";
        try {
            Recovery.Grace seen = recovery.grace(service);
            grace = words(seen);
            left = recovery.secondsLeft(service);
            locks = holdings.lines(service).stream()
                    .filter(line -> line.kind() == LockLine.Kind.POSIX && !line.waiter()).count();
            holders = holders(service);
            // Of a shared nfsd it is not known who has yet to reclaim what.
            missing = serves && seen.active() && !service.config().isShared()
                    ? recovery.decide(service, seen).missing() : missing;
            remarks = serves ? stack.remarks(operation) : remarks;
            state = serves && healthy && seen.active() ? "recovering" : state;
        } catch (IOException e) {
            state = serves ? "damaged" : state;
        }
        return new ServiceStatus(
                service.config().name().value(),
                state,
                service.config().addresses().stream().map(InetPrefix::toString).toList(),
                service.parent(),
                service.exports().stream().map(PlannedExport::path).toList(),
                grace,
                left,
                locks,
                holders,
                missing,
                layers,
                service.refused(),
                remarks);
    }

    private static String words(Recovery.Grace grace) {
        if (grace.nlm() && grace.v4()) {
            return "NLM and NFSv4";
        }
        return grace.nlm() ? "NLM" : grace.v4() ? "NFSv4" : "none";
    }

    private List<Holder> holders(RunningService service) throws IOException, InterruptedException {
        List<Holder> holders = new ArrayList<>();
        for (Nfs4Client client : holdings.clients(service)) {
            if (client.holdsState()) {
                holders.add(new Holder(client.protocol(), client.address(), summary(client)));
            }
        }
        for (String host : records.monitored(service.state())) {
            holders.add(new Holder("NFSv3", host, "monitored by statd"));
        }
        // Of a shared nfsd those are all hosts, kept current for the next node.
        if (!service.config().isShared() || !service.recovered()) {
            for (String host : records.recoverySet(service.state())) {
                holders.add(new Holder("NFSv3", host, "may reclaim"));
            }
        }
        return holders;
    }

    private static String summary(Nfs4Client client) {
        return client.status() + ", " + client.states().size() + " states";
    }
}
