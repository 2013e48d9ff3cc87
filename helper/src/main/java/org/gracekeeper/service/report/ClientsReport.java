// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.gracekeeper.json.Json;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.Table;
import org.gracekeeper.service.release.ClientList;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.RunningService;

/** What {@code gracekeeper clients} shows: who uses the node's services, and what the kernel tells of each. Thread-safe. */
public final class ClientsReport {
    private static final String UNKNOWN = "-";

    private final Registry registry;
    private final ClientList clients;

    public ClientsReport(Registry registry, ClientList clients) {
        this.registry = registry;
        this.clients = clients;
    }

    /**
     * A service with its clients.
     *
     * @param problem why the clients cannot be told, empty where they are
     */
    public record ServiceClients(String service, String problem, List<ClientStatus> clients) {
        public JsonNode json() {
            ObjectNode json = Json.object().put("service", service).put("problem", problem);
            return json.set("clients", Json.array(clients, ClientStatus::json));
        }
    }

    /**
     * A client as the command line shows it; null is what the kernel does not tell. /proc/locks has no owner for the locks
     * of NFSv3, so of such a host it is only known that statd monitors it, or that it may reclaim.
     *
     * @param protocol {@code NFSv3} or {@code NFSv4.x}
     * @param address with the port for NFSv4
     * @param clientId the kernel's number of an NFSv4 client
     * @param name an NFSv4 client's own (co_ownerid)
     * @param opens open stateids
     * @param locks lock stateids, one for each file and lock owner, whatever the number of ranges
     * @param delegations delegation stateids
     * @param secondsSinceRenewal of its lease
     * @param status NFSv4: confirmed, unconfirmed, courtesy or expirable; NFSv3: monitored, may reclaim, or
     *     ended where {@code expire} has ended it and it has not been restarted since
     */
    public record ClientStatus(String protocol, String address, String clientId, String name, Long opens, Long locks,
            Long delegations, Long secondsSinceRenewal, String status) {

        private static ClientStatus of(ClientList.Client client) {
            Nfs4Client nfs4 = client.nfs4();
            return new ClientStatus(client.protocol(), client.address(), client.clientId(),
                    nfs4 == null ? null : nfs4.ownerName(), client.states(Nfs4Client.Type.OPEN),
                    client.states(Nfs4Client.Type.LOCK), client.states(Nfs4Client.Type.DELEG),
                    nfs4 == null ? null : nfs4.secondsIdle(), client.status());
        }

        private JsonNode json() {
            return Json.object().put("protocol", protocol).put("address", address).put("clientId", clientId).put("name", name)
                    .put("opens", opens).put("locks", locks).put("delegations", delegations)
                    .put("secondsSinceRenewal", secondsSinceRenewal).put("status", status);
        }

        /** What is not as it mostly is. */
        private String remark() {
            return status.equals("confirmed") || status.equals(ClientList.MONITORED) ? "" : status;
        }
    }

    /** An array with an object for each service, see {@link ServiceClients}. */
    public String json(Optional<ServiceName> only) throws IOException, InterruptedException {
        return Json.text(Json.array(collect(only), ServiceClients::json));
    }

    /** A table with a line for each client. */
    public String text(Optional<ServiceName> only) throws IOException, InterruptedException {
        List<ServiceClients> all = collect(only);
        if (all.isEmpty()) {
            return "no service runs on this node\n";
        }
        Table table = new Table("SERVICE", "PROTOCOL", "ADDRESS", "OPENS", "LOCKS", "DELEGATIONS", "RENEWED", "STATUS");
        for (ServiceClients service : all) {
            for (ClientStatus c : service.clients()) {
                table.add(service.service(), c.protocol(), c.address(), cell(c.opens(), ""), cell(c.locks(), ""),
                        cell(c.delegations(), ""), cell(c.secondsSinceRenewal(), " s ago"), c.remark());
            }
        }
        StringBuilder text = new StringBuilder();
        if (all.stream().anyMatch(service -> !service.clients().isEmpty())) {
            text.append(table);
        } else if (all.stream().allMatch(service -> service.problem().isEmpty())) {
            text.append(only.map(name -> "service " + name + " has no clients\n").orElse("no service has clients\n"));
        }
        all.stream().filter(service -> !service.problem().isEmpty()).forEach(service -> text.append("service ")
                .append(service.service()).append(": its clients are not shown: ").append(service.problem()).append('\n'));
        return text.toString();
    }

    private static String cell(Long number, String unit) {
        return number == null ? UNKNOWN : number + unit;
    }

    private List<ServiceClients> collect(Optional<ServiceName> only) throws IOException, InterruptedException {
        List<ServiceClients> all = new ArrayList<>();
        for (ServiceName name : registry.names(only)) {
            clients(name).ifPresent(all::add);
        }
        return all;
    }

    /** One service that cannot be looked at is no reason to hide the others. */
    private Optional<ServiceClients> clients(ServiceName name) throws InterruptedException {
        try {
            Optional<RunningService> service = registry.load(name);
            if (service.isEmpty()) {
                return Optional.empty();
            }
            if (!service.get().serving()) {
                String state = service.get().stopping() ? "it is stopping" : "it is starting";
                return Optional.of(new ServiceClients(name.value(), state, List.of()));
            }
            return Optional.of(new ServiceClients(name.value(), "",
                    clients.of(service.get()).stream().map(ClientStatus::of).toList()));
        } catch (IOException e) {
            return Optional.of(new ServiceClients(name.value(), String.valueOf(e.getMessage()), List.of()));
        }
    }
}
