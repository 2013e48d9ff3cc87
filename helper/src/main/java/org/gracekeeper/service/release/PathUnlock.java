// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.gracekeeper.model.DeviceId;
import org.gracekeeper.model.MountTable;
import org.gracekeeper.model.Nfs4Client;
import org.gracekeeper.model.Release;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.KernelVersion;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.service.recovery.Holdings;
import org.gracekeeper.service.server.NfsServers;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.task.Deadline;

/**
 * Releases what NFS clients hold on one file system: NLM locks by {@code unlock_filesystem}, which acts on all servers of the
 * node at once. Since 6.9 the same write revokes NFSv4 state, of the server that it is made to: no other server's, and
 * of no other file system, but a client may take that for the loss of all it has. Before, a client is ended that has state there
 * and nowhere else. Thread-safe.
 */
public final class PathUnlock {
    private final Node node;
    private final NfsServers servers;
    private final NfsdFs nfsd;
    private final Holdings holdings;
    private final Expiry expiry;

    public PathUnlock(Node node, NfsServers servers, NfsdFs nfsd, Holdings holdings, Expiry expiry) {
        this.node = node;
        this.servers = servers;
        this.nfsd = nfsd;
        this.holdings = holdings;
        this.expiry = expiry;
    }

    /** Ends a client of a service as the operator does: what was recorded of it goes, too. */
    public interface Expiry {
        /** @return what became of it */
        String end(RunningService service, Nfs4Client client, Unlock.Call call)
                throws OcfException, IOException, InterruptedException;
    }

    /** What there is to do, and by whom. */
    private record Plan(MountTable mounts, MountTable.Mount mount, List<NfsServers.Server> running,
            List<NfsServers.Server> targets, Map<Long, NfsServers.Server> serverOf, Release before, boolean nlmOnly) {}

    Outcome unlock(String directory, Unlock.Call call) throws OcfException, IOException, InterruptedException {
        Plan plan = plan(directory);
        StringBuilder text = new StringBuilder();
        say(text, call, plan.mount().point() + ": " + plan.mount() + ", " + plan.before().nlm().size()
                + " NLM locks and waiters, " + plan.before().states().size() + " NFSv4 states, " + plan.before().nfs4().size()
                + " NFSv4 locks");
        text.append(ReleaseText.table(plan.before(), plan.mounts(), plan.nlmOnly()));
        if (!plan.nlmOnly()) {
            for (Nfs4Client client : plan.before().elsewhere()) {
                say(text, call, whatItGivesUp(client));
            }
        }
        if (call.dryRun()) {
            return Unlock.dryRun(text.toString());
        }
        for (NfsServers.Server target : plan.targets()) {
            say(text, call, unlockFileSystem(target, plan, call.deadline()));
        }
        if (plan.nlmOnly()) {
            endClients(plan, call, text);
        }
        return seen(plan, call, text);
    }

    private Outcome seen(Plan plan, Unlock.Call call, StringBuilder text) throws IOException, InterruptedException {
        Release now = look(plan.running(), plan.mount().device(), new HashMap<>());
        Release left = plan.before().leftIn(now);
        say(text, call, "seen: " + ReleaseText.gone(plan.before(), left));
        int newly = now.size() - left.size();
        if (newly > 0) {
            say(text, call, newly + " are new: clients that still reach the server open and lock again");
        }
        if (!left.isEmpty()) {
            text.append("still held, or released and taken again:\n")
                    .append(ReleaseText.table(left, plan.mounts(), plan.nlmOnly()));
        }
        if (plan.nlmOnly()) {
            left.elsewhere().forEach(client -> text.append(whatToDo(client, plan)).append('\n'));
        }
        return new Outcome(text.toString(), left.isEmpty());
    }

    /**
     * For a client of which the kernel revokes a part. From NFSv4.1 on it learns with its next request that some of its state was
     * (SEQ4_STATUS_ADMIN_STATE_REVOKED, RFC 8881, 18.46.3), and has to ask which. Linux, seen with 6.12, takes all of its locks
     * for lost before it asks (nfs4_clear_open_state of fs/nfs/nfs4state.c).
     */
    private static String whatItGivesUp(Nfs4Client client) {
        return client.protocol() + " " + client.address() + " has state elsewhere too: that stays, but "
                + (client.minorVersion() == 0 ? "a client may give up more than what was revoked"
                        : "a Linux client gives up all of its locks of this server when it hears that some were revoked, and"
                                + " programs that hold them get I/O errors");
    }

    /** For a client that an older kernel can only end as a whole. */
    private static String whatToDo(Nfs4Client client, Plan plan) {
        NfsServers.Server server = plan.serverOf().get(client.clientid());
        return client.protocol() + " " + client.address() + " has state elsewhere too: unmount "
                + plan.mount().point() + " there, or end all that it has by '" + server.service()
                        .map(service -> "gracekeeper expire " + service.config().name() + " " + client.address())
                        .orElse("echo expire >" + MountNamespace.NFSD + "/clients/" + client.number() + "/ctl") + "'";
    }

    private void endClients(Plan plan, Unlock.Call call, StringBuilder text) throws IOException, InterruptedException {
        for (Nfs4Client client : plan.before().whole()) {
            NfsServers.Server server = plan.serverOf().get(client.clientid());
            String line;
            try {
                line = server.service().isPresent() ? expiry.end(server.service().get(), client, call)
                        : Unlock.claim(client.protocol() + " " + client.address() + " is ended", call.deadline(),
                                () -> node.in(server.namespaces(), () -> {
                                    nfsd.expireClient(client);
                                    return null;
                                })).text();
            } catch (OcfException | IOException e) {
                line = client.protocol() + " " + client.address() + ": " + e.getMessage();
            }
            say(text, call, line);
        }
        // A waiter may have been granted an NLM lock by the end of somebody's NFSv4 state.
        if (!plan.before().whole().isEmpty() && !holdings.nlmLines(Set.of(plan.mount().device())).isEmpty()) {
            say(text, call, unlockFileSystem(plan.targets().get(0), plan, call.deadline()));
        }
    }

    private String unlockFileSystem(NfsServers.Server target, Plan plan, Deadline deadline) throws InterruptedException {
        return Unlock.claim("unlock_filesystem through " + target, deadline, () -> node.in(target.namespaces(), () -> {
            nfsd.unlockFilesystem(plan.mount().point());
            return null;
        })).text();
    }

    private Plan plan(String directory) throws OcfException, IOException, InterruptedException {
        MountTable mounts = servers.mounts();
        MountTable.Mount mount = mount(directory, mounts);
        List<NfsServers.Server> all = servers.all();
        List<NfsServers.Server> running = all.stream().filter(NfsServers.Server::running).toList();
        if (running.isEmpty()) {
            throw new OcfException(OcfCode.NOT_RUNNING, "no nfsd runs on this node, neither its own nor a service's: there is"
                    + " nothing to release");
        }
        Map<Long, NfsServers.Server> serverOf = new HashMap<>();
        Release before = look(running, mount.device(), serverOf);
        List<NfsServers.Server> exporting = all.stream().filter(server -> server.exports(mount, mounts)).toList();
        if (before.isEmpty()) {
            requireServed(mount, exporting);
        }
        List<NfsServers.Server> targets = new ArrayList<>(running.stream().filter(server -> exporting.contains(server)
                || before.states().stream().anyMatch(held -> serverOf.get(held.client().clientid()) == server)).toList());
        if (targets.isEmpty()) {
            targets.add(running.get(0)); // not exported any more: NLM's part is any server's
        }
        boolean nlmOnly = KernelVersion.parse(node.kernelRelease()).unlockFilesystemIsNlmOnly();
        return new Plan(mounts, mount, running, targets, serverOf, before, nlmOnly);
    }

    private static void requireServed(MountTable.Mount mount, List<NfsServers.Server> exporting) throws OcfException {
        if (exporting.isEmpty()) {
            throw new OcfException(OcfCode.ARGS, mount.point() + " (" + mount + ") is not exported, neither by the node's own"
                    + " nfsd nor by a service, and no NFS client holds anything there: 'exportfs -v' and 'gracekeeper status'"
                    + " show what is");
        }
        if (exporting.stream().noneMatch(NfsServers.Server::running)) {
            throw new OcfException(OcfCode.NOT_RUNNING, exporting.get(0) + ", which exports " + mount.point()
                    + ", does not run, and no NFS client holds anything there");
        }
    }

    /** The whole file system goes, and that is what has to be named. */
    private static MountTable.Mount mount(String directory, MountTable mounts) throws OcfException, IOException {
        Path path;
        try {
            path = Path.of(directory);
        } catch (InvalidPathException e) {
            throw new OcfException(OcfCode.ARGS, "\"" + directory + "\" is no path: " + e.getMessage(), e);
        }
        if (!path.isAbsolute() || !Files.isDirectory(path)) {
            throw new OcfException(OcfCode.ARGS, directory + " is no directory of this node: give the absolute path of a mount"
                    + " point");
        }
        Path real = path.toRealPath();
        MountTable.Mount on = mounts.of(real).orElseThrow(() -> new OcfException(OcfCode.ARGS, directory + " is on nothing that"
                + " is mounted here"));
        Optional<MountTable.Mount> whole = mounts.whole(on.device());
        boolean isMounted = on.point().equals(real);
        // All of it is mounted nowhere as a rule where it has subvolumes (btrfs).
        if (!isMounted || !on.isWhole() && whole.isPresent()) {
            throw new OcfException(OcfCode.ARGS, directory + (isMounted ? " is a mount of " + on.root() + " of " + on.source()
                    + " only" : " is no mount point") + ": all that NFS clients hold on its file system would be released; if"
                    + " that is meant, give " + whole.orElse(on).point());
        }
        return on;
    }

    private Release look(List<NfsServers.Server> running, DeviceId device, Map<Long, NfsServers.Server> serverOf)
            throws IOException, InterruptedException {
        List<Nfs4Client> clients = new ArrayList<>();
        for (NfsServers.Server server : running) {
            for (Nfs4Client client : servers.clients(server)) {
                clients.add(client);
                serverOf.put(client.clientid(), server);
            }
        }
        Set<DeviceId> devices = Set.of(device);
        return Release.of(devices, holdings.nlmLines(devices), holdings.nfs4Lines(devices), clients);
    }

    private static void say(StringBuilder text, Unlock.Call call, String line) {
        if (!call.dryRun()) {
            call.log().accept(line);
        }
        text.append(line).append('\n');
    }
}
