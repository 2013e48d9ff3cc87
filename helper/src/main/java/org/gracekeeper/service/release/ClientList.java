// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.state.RunningService;

/** The clients of a service as people name them: those that {@code clients} shows and {@code expire} ends. Thread-safe. */
public final class ClientList {
    /** An NFSv3 host in the recovery set. */
    static final String MAY_RECLAIM = "may reclaim";
    /** An NFSv3 host that statd notifies after the next start. */
    public static final String MONITORED = "monitored";
    /** An NFSv3 host that was ended and has not been restarted since: it may have taken locks again, and be ended again. */
    static final String ENDED = "ended";

    /** By protocol, then by address as a number, then by the kernel's: the same for as long as nobody comes or goes. */
    private static final Comparator<Client> ORDER = Comparator.comparing(Client::protocol)
            .thenComparing(client -> sortKey(client.address()))
            .thenComparing(client -> client.nfs4() == null ? 0 : client.nfs4().clientid(), Long::compareUnsigned);

    private final Holdings holdings;
    private final RecordsLayer records;

    public ClientList(Holdings holdings, RecordsLayer records) {
        this.holdings = holdings;
        this.records = records;
    }

    /**
     * One client.
     *
     * @param protocol {@code NFSv3} or {@code NFSv4.x}
     * @param address with port of an NFSv4 client; of an NFSv3 host what statd knows it by, which is its address
     * @param nfs4 what the kernel tells of it; null for an NFSv3 host, of which it tells nothing
     * @param status of an NFSv4 client the kernel's word; of an NFSv3 host {@link #MAY_RECLAIM}, {@link #MONITORED} or
     *     {@link #ENDED}
     */
    public record Client(String protocol, String address, Nfs4Client nfs4, String status) {

        /** The kernel's number of an NFSv4 client as its own files write it; null for an NFSv3 host. */
        public String clientId() {
            return nfs4 == null ? null : "0x" + Long.toHexString(nfs4.clientid());
        }

        /** States that are not revoked, null where the kernel does not tell. */
        public Long states(Nfs4Client.Type type) {
            return nfs4 == null ? null : nfs4.states().stream().filter(s -> s.type() == type && !s.revoked()).count();
        }

        /**
         * Whether somebody who says this means it.
         *
         * @param text an address, with the port or without it, or a client id
         */
        boolean is(String text) {
            return text.equalsIgnoreCase(address) || text.equalsIgnoreCase(clientId())
                    || host(address) != null && host(address).equals(host(text)) && !hasPort(text);
        }
    }

    /** Each once, sorted. */
    public List<Client> of(RunningService service) throws IOException, InterruptedException {
        List<Client> clients = new ArrayList<>();
        for (Nfs4Client client : holdings.clients(service)) {
            clients.add(new Client(client.protocol(), client.address(), client, client.status()));
        }
        Map<String, String> hosts = new HashMap<>();
        // Of a shared nfsd those are all of its hosts, kept current for the next node.
        String listed = service.config().isShared() && service.recovered() ? MONITORED : MAY_RECLAIM;
        records.recoverySet(service.state()).forEach(host -> hosts.putIfAbsent(host, listed));
        records.monitored(service.state()).forEach(host -> hosts.putIfAbsent(host, MONITORED));
        records.ended(service.state()).forEach(host -> hosts.putIfAbsent(host, ENDED));
        hosts.forEach((host, status) -> clients.add(new Client("NFSv3", host, null, status)));
        clients.sort(ORDER);
        return clients;
    }

    /** {@code 192.0.2.1:817} or {@code [2001:db8::1]:817}, as the kernel writes them (%pISpc). */
    private static boolean hasPort(String text) {
        return text.matches("[0-9.]+:[0-9]+|\\[.*]:[0-9]+");
    }

    /** The address in any of the forms, null where it is none. */
    private static InetAddress host(String text) {
        String host = hasPort(text) ? text.substring(0, text.lastIndexOf(':')) : text;
        try {
            return InetPrefix.parseLiteral(host.startsWith("[") && host.endsWith("]")
                    ? host.substring(1, host.length() - 1) : host);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static String sortKey(String address) {
        InetAddress host = host(address);
        if (host == null) {
            return "~" + address;
        }
        byte[] bytes = host.getAddress();
        String port = hasPort(address) ? address.substring(address.lastIndexOf(':') + 1) : "";
        return String.format(Locale.ROOT, "%02d %s %5s", bytes.length, HexFormat.of().formatHex(bytes), port);
    }
}
