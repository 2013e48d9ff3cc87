// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.gracekeeper.exec.Commands;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.net.AddressProbe;
import org.gracekeeper.net.Announcer;
import org.gracekeeper.net.IpLink;
import org.gracekeeper.net.NlmNotify;
import org.gracekeeper.nfsd.ExportCaches;
import org.gracekeeper.nfsd.LockdFs;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.ProcLocks;
import org.gracekeeper.node.ClusterAttribute;
import org.gracekeeper.node.ClusterFailure;
import org.gracekeeper.node.ClusterResources;
import org.gracekeeper.node.InotifyRoom;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.NfsServerUnit;
import org.gracekeeper.node.Node;
import org.gracekeeper.node.NodeServer;
import org.gracekeeper.node.OwnMounts;
import org.gracekeeper.node.Processes;
import org.gracekeeper.node.ServerDoors;
import org.gracekeeper.node.Systemd;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.action.EmergencyStop;
import org.gracekeeper.service.action.HostResolver;
import org.gracekeeper.service.action.Metadata;
import org.gracekeeper.service.action.Rehearsal;
import org.gracekeeper.service.action.ServiceManager;
import org.gracekeeper.service.action.Stacks;
import org.gracekeeper.service.daemons.DaemonUnits;
import org.gracekeeper.service.daemons.DaemonsLayer;
import org.gracekeeper.service.daemons.HealthProbe;
import org.gracekeeper.service.daemons.HealthWatch;
import org.gracekeeper.service.daemons.RegisteredLayer;
import org.gracekeeper.service.daemons.SessionSlots;
import org.gracekeeper.service.daemons.TrackerLayer;
import org.gracekeeper.service.namespaces.Firewall;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.namespaces.ParentDevice;
import org.gracekeeper.service.namespaces.ServiceLink;
import org.gracekeeper.service.namespaces.ServiceNamespaces;
import org.gracekeeper.service.network.AddressGuard;
import org.gracekeeper.service.network.Announcements;
import org.gracekeeper.service.network.ConnectionReset;
import org.gracekeeper.service.network.PeerList;
import org.gracekeeper.service.notify.HostNotifier;
import org.gracekeeper.service.notify.Notifications;
import org.gracekeeper.service.notify.NotifyLayer;
import org.gracekeeper.service.own.CalmClose;
import org.gracekeeper.service.own.ExportsLayer;
import org.gracekeeper.service.own.LinkLayer;
import org.gracekeeper.service.own.NamespacesLayer;
import org.gracekeeper.service.own.OpenLayer;
import org.gracekeeper.service.own.OwnProof;
import org.gracekeeper.service.own.OwnStack;
import org.gracekeeper.service.own.RpcbindLayer;
import org.gracekeeper.service.own.ServerLayer;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.recovery.RecoveryLayer;
import org.gracekeeper.service.recovery.RecoveryWatch;
import org.gracekeeper.service.recovery.SnapshotLayer;
import org.gracekeeper.service.release.AddressUnlock;
import org.gracekeeper.service.release.ClientExpiry;
import org.gracekeeper.service.release.ClientList;
import org.gracekeeper.service.release.HostRelease;
import org.gracekeeper.service.release.NlmLeftovers;
import org.gracekeeper.service.release.NlmRelease;
import org.gracekeeper.service.release.PathUnlock;
import org.gracekeeper.service.release.Unlock;
import org.gracekeeper.service.report.ClientsReport;
import org.gracekeeper.service.report.StatusReport;
import org.gracekeeper.service.report.TimelineReport;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.server.NfsServers;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.shared.ForeignUse;
import org.gracekeeper.service.shared.NodeGrace;
import org.gracekeeper.service.shared.RestartClients;
import org.gracekeeper.service.shared.RestartCycle;
import org.gracekeeper.service.shared.RestartGate;
import org.gracekeeper.service.shared.RestartHosts;
import org.gracekeeper.service.shared.RestartPlanner;
import org.gracekeeper.service.shared.RestartState;
import org.gracekeeper.service.shared.ServerRestart;
import org.gracekeeper.service.shared.SharedAddressLayer;
import org.gracekeeper.service.shared.SharedExportsLayer;
import org.gracekeeper.service.shared.SharedFirewallLayer;
import org.gracekeeper.service.shared.SharedNotifyLayer;
import org.gracekeeper.service.shared.SharedOwners;
import org.gracekeeper.service.shared.SharedProbeLayer;
import org.gracekeeper.service.shared.SharedProof;
import org.gracekeeper.service.shared.SharedRecordsLayer;
import org.gracekeeper.service.shared.SharedRelease;
import org.gracekeeper.service.shared.SharedServerLayer;
import org.gracekeeper.service.shared.SharedServices;
import org.gracekeeper.service.shared.SharedStack;
import org.gracekeeper.service.shared.ShutdownOrder;
import org.gracekeeper.service.stack.ClaimLayer;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.ServiceSlots;
import org.gracekeeper.service.stack.TimelineLog;
import org.gracekeeper.service.standby.PreparedList;
import org.gracekeeper.service.standby.Standby;
import org.gracekeeper.service.standby.StandbyCheck;
import org.gracekeeper.service.standby.StandbyKeeper;
import org.gracekeeper.service.standby.StandbyLearner;
import org.gracekeeper.service.standby.StandbyProbes;
import org.gracekeeper.service.standby.StandbySite;
import org.gracekeeper.service.standby.Standbys;
import org.gracekeeper.service.state.ClaimStore;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.LedgerStore;
import org.gracekeeper.service.state.Registry;
import org.gracekeeper.service.state.Reserve;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.service.state.Sharing;
import org.gracekeeper.service.state.TimelineStore;
import org.gracekeeper.store.DurableFiles;
import org.gracekeeper.sys.Kernel;
import org.gracekeeper.sys.SystemdBus;

/** Puts the parts together: the one place that knows which layers there are and in which order. */
public final class Services {
    private static final System.Logger LOG = System.getLogger(Services.class.getName());

    private final ServiceManager manager;
    private final StatusReport report;
    private final ClientsReport clients;
    private final TimelineReport timelines;
    private final Unlock unlock;
    private final Registry registry;
    private final Rehearsal rehearsal;
    private final HealthWatch health;
    private final StandbyKeeper standbys;

    private Services(ServiceManager manager, StatusReport report, ClientsReport clients, TimelineReport timelines,
            Unlock unlock, Registry registry, Rehearsal rehearsal, HealthWatch health, StandbyKeeper standbys) {
        this.manager = manager;
        this.report = report;
        this.clients = clients;
        this.timelines = timelines;
        this.unlock = unlock;
        this.registry = registry;
        this.rehearsal = rehearsal;
        this.health = health;
        this.standbys = standbys;
    }

    /**
     * @throws IOException when the agent's metadata, which has the defaults, cannot be read
     */
    public static Services create(Kernel kernel, Commands commands, SystemdBus bus) throws IOException {
        Node node = new Node(kernel, commands);
        Systemd systemd = new Systemd(bus, node);
        DurableFiles files = new DurableFiles(kernel);
        Registry registry = new Registry(Instance.SERVICES, files, Metadata.defaults());
        Processes processes = new Processes(kernel);
        IpLink ip = new IpLink(commands);
        NfsdFs nfsd = new NfsdFs(kernel, MountNamespace.NFSD);
        LockdFs lockd = new LockdFs(kernel, Path.of("/proc/fs/lockd"), Path.of("/proc/sys/fs/nfs"));
        NodeLockd nodeLockd = new NodeLockd(lockd, files, Instance.RUN.resolve("lockd-settings"));
        LeaseGuard leases = new LeaseGuard(kernel, files, registry, Path.of("/proc/sys/fs/leases-enable"),
                Instance.RUN.resolve("leases-enable"));
        ClusterAttribute attribute = new ClusterAttribute(node);
        Standbys standbys = new Standbys(Instance.STANDBYS, Instance.SERVICES, Instance.STANDBY_PLANS, files);
        ServiceSlots slots = new ServiceSlots();

        ServerLook look = new ServerLook(node, nfsd);
        ServerPing ping = new ServerPing(node);
        RecordsLayer records = new RecordsLayer(node, files);
        Holdings holdings = new Holdings(node, nfsd, new ProcLocks(kernel, Path.of("/proc/locks")));
        Reserve reserve = new Reserve(kernel, files);
        LedgerStore ledgers = new LedgerStore(files);
        PeerList peers = new PeerList(files);
        TimelineStore timelines = new TimelineStore(Instance.TIMELINES, files);
        TimelineLog timeline = new TimelineLog(timelines, registry, node);
        ClaimLayer claim = new ClaimLayer(
                node, registry, files, new OwnProof(registry, processes, holdings, standbys), reserve, ledgers, timeline);
        Recovery recovery = new Recovery(node, nfsd, lockd, records, holdings, ledgers,
                new ClaimStore(files, reserve), timeline, look);
        RecoveryWatch watch = new RecoveryWatch(registry, recovery, attribute, timeline);
        AddressGuard guard = new AddressGuard(new AddressProbe(kernel));
        Firewall firewall = new Firewall(node);
        ServiceLink link = new ServiceLink(node, ip);
        OwnMounts mounts = new OwnMounts(kernel, Path.of("/proc/1/net/nfsfs/volumes"), Mounts.MOUNTINFO);
        ExportCaches caches = new ExportCaches(kernel, ExportCaches.PROC_NET_RPC);
        ExportsLayer exports = new ExportsLayer(node, caches);
        ServerLayer server = new ServerLayer(node, nfsd, nodeLockd, leases, look, ping, recovery);
        Notifications notifications = new Notifications(Instance.SERVICES, files, kernel);
        Announcer announcer = new Announcer(kernel);
        Announcements announcements = new Announcements(node, announcer);
        ConnectionReset connections = new ConnectionReset(node, peers);
        OpenLayer open = new OpenLayer(registry, link, guard, firewall, records, recovery, connections, notifications,
                announcements, holdings, new CalmClose(link, holdings));
        DaemonUnits units = new DaemonUnits(systemd);
        HealthProbe probe = new HealthProbe(node, units);
        DaemonsLayer daemons = new DaemonsLayer(node, units, processes, probe, notifications);
        ServiceNamespaces namespaces = new ServiceNamespaces(node);
        MountNamespace mountNamespace = new MountNamespace(kernel);
        StandbySite site = new StandbySite(Path.of("/sys/class/net"), Path.of("/proc/sys/net/ipv4"));
        StandbyCheck standbyCheck = new StandbyCheck(node, standbys, site, namespaces, mountNamespace, link, probe);
        Standby standby = new Standby(
                node, standbys, site, standbyCheck, namespaces, mountNamespace, link, firewall, units, daemons, slots);
        RpcbindLayer rpcbind = new RpcbindLayer(units, probe, standby);
        List<Layer> layers = List.of(
                claim,
                new NamespacesLayer(node, namespaces, mountNamespace, standby),
                new LinkLayer(link, guard, firewall, mounts, standby),
                rpcbind,
                records,
                new TrackerLayer(units, new InotifyRoom(kernel, Path.of("/proc/sys/fs/inotify/max_user_instances"))),
                new NotifyLayer(files, peers, notifications),
                exports,
                daemons,
                server,
                new RegisteredLayer(daemons, records),
                new SnapshotLayer(node, registry, link, nfsd, records, recovery, holdings, ledgers, peers,
                        reserve),
                open,
                new RecoveryLayer(watch));

        OwnStack own = new OwnStack(registry, node, layers, rpcbind, holdings, server, ping, open, exports, firewall, watch,
                attribute, timeline);

        NfsServers servers = new NfsServers(node, nfsd, registry, MountNamespace.NFS_STATE.resolve("etab"));
        NlmRelease nlm = new NlmRelease(node, nfsd);
        HostNotifier notifier = new HostNotifier(node, systemd, files, Instance.NOTIFIERS);
        RestartGate gate = new RestartGate();
        NodeServer nodeServer = new NodeServer(node, nfsd);
        NodeGrace nodeGrace = new NodeGrace(node, nfsd, lockd, nodeServer);
        SharedRecordsLayer sharedRecords = new SharedRecordsLayer(
                node, files, nfsd, holdings, records, peers, registry, nodeGrace, gate, look);
        SharedOwners owners = new SharedOwners(Instance.SERVICES, files);
        SharedServices sharing = new SharedServices(registry);
        RestartState restartState = new RestartState(files, Instance.RUN.resolve("restart"));
        RestartHosts restartHosts = new RestartHosts(node, nodeGrace, sharedRecords, notifier, restartState);
        RestartClients restartClients = new RestartClients(
                node, nfsd, owners, restartState, MountNamespace.NFS_STATE.resolve("nfsdcld").resolve("main.sqlite"));
        NlmLeftovers leftovers = new NlmLeftovers(node, servers, holdings, nlm);
        ServerRestart restart = new ServerRestart(node, nodeLockd, sharing, sharedRecords, gate,
                new RestartPlanner(nodeServer, sharing, sharedRecords, restartHosts, restartClients, leftovers),
                new RestartCycle(nodeServer, new ServerDoors(node), leftovers, restartState, ServerRestart.PAUSE),
                restartClients, restartHosts, restartState, ServerRestart.PAUSE);
        ShutdownOrder order = new ShutdownOrder(systemd, registry);
        SharedServerLayer sharedServer = new SharedServerLayer(node, nfsd, nodeServer, nodeGrace, restart, gate,
                new SharedRelease(node, nfsd, holdings, nlm, restart, registry), registry, leases, order,
                new NfsServerUnit(node), owners, attribute, look, ping);
        SharedExportsLayer sharedExports = new SharedExportsLayer(node, caches);
        ClaimLayer sharedClaim = new ClaimLayer(
                node, registry, files, new SharedProof(node, registry, sharedExports, holdings), reserve, ledgers, timeline);
        SharedFirewallLayer sharedFirewall = new SharedFirewallLayer(
                node, registry, new ForeignUse(node, holdings), nfsd, Instance.RUN.resolve("enforce"));
        SharedAddressLayer address = new SharedAddressLayer(
                node, registry, ip, guard, announcer, announcements, connections, sharedRecords, nodeGrace, gate);
        SharedStack shared = new SharedStack(registry, node,
                List.of(sharedClaim, new SharedProbeLayer(guard), sharedFirewall, sharedServer, sharedExports, sharedRecords,
                        address, new SharedNotifyLayer(notifier)),
                sharedServer, address, sharedExports, sharedFirewall, ping, gate, order, attribute, timeline);
        Stacks stacks = new Stacks(own, shared, nodeLockd, restart, leases, sharedExports);
        ParentDevice parents = new ParentDevice(ip);
        HostResolver resolver = new HostResolver(node, parents);
        ClientList clients = new ClientList(holdings, records);
        HostRelease hosts = new HostRelease(node, NlmNotify::hostRebooted, records);
        StandbyProbes probes = new StandbyProbes();
        ServiceManager manager = new ServiceManager(Metadata.defaults(), registry, resolver, stacks, recovery,
                new EmergencyStop(commands, namespaces, standbys), leases,
                new ClientExpiry(node, nfsd, hosts, holdings, clients, records, recovery),
                new Sharing(kernel), slots, probes);
        Unlock unlock = new Unlock(new PathUnlock(node, servers, nfsd, holdings,
                (service, client, call) -> end(manager, service, client, call)),
                new AddressUnlock(node, servers, nfsd, holdings, records, hosts));
        Rehearsal rehearsal = new Rehearsal(node, systemd, files, records, Instance.RUN.resolve("rehearsal"));
        HealthWatch health = new HealthWatch(
                registry, probe, new ClusterFailure(node), slots::whileIdle,
                new SessionSlots(node, nfsd), recovery::seeClients, Instance.SERVICES, System::nanoTime);
        ClusterResources cluster = new ClusterResources(node, Path.of("/var/lib/pacemaker/cib/cib.xml"), System::nanoTime);
        StandbyKeeper keeper = new StandbyKeeper(registry, standbys, standby, standbyCheck, cluster,
                new StandbyLearner(probes, Metadata.defaults(), standbys, cluster, parents, System::nanoTime), slots::whileIdle,
                System::nanoTime);
        return new Services(manager, new StatusReport(registry, stacks, holdings, records, recovery,
                new PreparedList(registry, standbys)),
                new ClientsReport(registry, clients), new TimelineReport(registry, timelines), unlock, registry, rehearsal, health,
                keeper);
    }

    private static String end(ServiceManager manager, RunningService service, Nfs4Client client, Unlock.Call call)
            throws OcfException, IOException, InterruptedException {
        return manager.expire(new ServiceManager.Call(service.config().name().value(), Map.of(), call.deadline(),
                System.nanoTime(), (level, line) -> { }), "0x" + Long.toHexString(client.clientid())).text().strip();
    }

    /**
     * Makes the first start and recovery as quick as later ones, see {@link Rehearsal}. To be called once, in the
     * background; does nothing while a service recovers or stops, which it would only delay.
     */
    public void rehearse() {
        try {
            if (registry.others(null).stream().allMatch(service -> service.recovered() && !service.stopping())) {
                rehearsal.run();
                rehearsal.loadPrograms();
            }
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "recovery cannot be rehearsed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Looks after the services between Pacemaker's monitors, see {@link HealthWatch}. To be called once. */
    public void watchHealth() {
        health.start();
    }

    /** Prepares what can be prepared for services that may come, see {@link StandbyKeeper}. To be called once. */
    public void keepStandbys(Kernel kernel) {
        standbys.start(kernel);
    }

    public ServiceManager manager() {
        return manager;
    }

    public StatusReport report() {
        return report;
    }

    public ClientsReport clients() {
        return clients;
    }

    public Unlock unlock() {
        return unlock;
    }

    public TimelineReport timelines() {
        return timelines;
    }
}
