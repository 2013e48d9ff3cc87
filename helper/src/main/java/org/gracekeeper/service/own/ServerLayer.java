// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.own;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.net.RpcClient;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.nfsd.NfsdcldDb;
import org.gracekeeper.node.KernelVersion;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.Node;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.service.recovery.RecordsLayer;
import org.gracekeeper.service.recovery.Recovery;
import org.gracekeeper.service.server.LeaseGuard;
import org.gracekeeper.service.server.NodeLockd;
import org.gracekeeper.service.server.ServerLook;
import org.gracekeeper.service.server.ServerPing;
import org.gracekeeper.service.stack.Layer;
import org.gracekeeper.service.stack.Operation;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.service.state.RunningService;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.task.Errors;

/**
 * The service's nfsd instance, with lockd. Its start is the start of the service's grace, and of nobody else's; its
 * stop releases every lock and all NFSv4 state, and nobody else's.
 */
public final class ServerLayer implements Layer {
    private final Node node;
    private final NfsdFs nfsd;
    private final NodeLockd nodeLockd;
    private final LeaseGuard leases;
    private final ServerLook look;
    private final ServerPing ping;
    private final Recovery recovery;

    public ServerLayer(Node node, NfsdFs nfsd, NodeLockd nodeLockd, LeaseGuard leases, ServerLook look, ServerPing ping,
            Recovery recovery) {
        this.node = node;
        this.nfsd = nfsd;
        this.look = look;
        this.ping = ping;
        this.recovery = recovery;
        this.nodeLockd = nodeLockd;
        this.leases = leases;
    }

    @Override
    public String name() {
        return "server";
    }

    @Override
    public void up(Operation operation) throws IOException, OcfException, InterruptedException {
        ServiceConfig config = operation.service().config();
        Instance instance = operation.instance();
        leases.update();
        if (config.delegations() && !KernelVersion.parse(node.kernelRelease()).delegationsSurviveRecovery()) {
            operation.warn("delegations=yes: locks that a client holds under a delegation are lost at the next move on"
                    + " kernel " + node.kernelRelease());
        }
        AtomicReference<Double> begun = new AtomicReference<>(node.bootSeconds());
        // lockd reads its grace time and ports, which are the whole node's, when the first thread starts.
        nodeLockd.whileSet(operation.service(), graceTime -> node.in(instance.inside(), config.scope(), () -> {
            nfsd.setVersions(config.versions());
            nfsd.setLeaseTime(config.leaseTime());
            nfsd.setGraceTime(graceTime); // before the first listener, with which it would be refused
            listen();
            begun.set(node.bootSeconds());
            nfsd.setThreads(config.threads());
            return null;
        }));
        verify(operation);
        // lockd's grace goes on while nfsd waits for nfsdcld, and that for its disk (fs/nfsd/nfssvc.c, nfsd_startup_net).
        recovery.requireTime(operation.service().started(begun.get()));
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        if (!Files.exists(instance.mountPin())) {
            return;
        }
        boolean nlmOnly = KernelVersion.parse(node.kernelRelease()).unlockFilesystemIsNlmOnly();
        Errors errors = new Errors();
        errors.collect(() -> unlockAddresses(operation));
        errors.collect(() -> unlockFileSystems(operation, nlmOnly));
        errors.collect(() -> stopThreads(operation));
        // A waiter may have been granted a lock by the end of somebody's NFSv4 state just now.
        errors.collect(() -> unlockFileSystems(operation, nlmOnly));
        errors.rethrow();
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
        Optional<Boolean> runs = look.runs(operation.instance().inside());
        boolean stopped = runs.isPresent() ? !runs.get() : ping.isGone(operation);
        return stopped ? Optional.of("nfsd has no threads: somebody stopped it") : Optional.empty();
    }

    @Override
    public Optional<String> remark(Operation operation) {
        return look.remark();
    }

    @Override
    public void tend(Operation operation) {
        if (!operation.service().config().delegations()) {
            try {
                leases.keepOff(); // somebody may have set it meanwhile, "sysctl --system" for one
            } catch (IOException e) {
                operation.warn("fs.leases-enable: " + e.getMessage());
            }
        }
    }

    private void listen() throws IOException {
        listen("0.0.0.0");
        try {
            listen("::");
        } catch (KernelException e) {
            // Booted with ipv6.disable=1 (net/ipv6/af_inet6.c, inet6_init): no address of a service can be one of IPv6 then.
            if (e.errno() != Errno.EAFNOSUPPORT) {
                throw e;
            }
        }
    }

    private void listen(String any) throws IOException {
        int fd = node.kernel().listenTcp(InetAddress.getByName(any), RpcClient.NFS_PORT);
        try {
            nfsd.addListener(fd);
        } finally {
            node.kernel().close(fd);
        }
    }

    /**
     * Without a client tracker nfsd starts all the same, but refuses every NFSv4 reclaim, and blocks NLM for the
     * whole grace time with no way to end it (fs/nfsd/nfs4recover.c; kernel log "Unable to initialize client
     * recovery tracking").
     */
    private void verify(Operation operation) throws IOException, OcfException, InterruptedException {
        boolean ended = node.in(operation.instance().inside(), nfsd::v4GraceEnded);
        if (ended) {
            return;
        }
        if (!RecordsLayer.recoveryHasBegun(new NfsdcldDb(operation.state().clientDatabase()))) {
            throw new OcfException(OcfCode.GENERIC, "nfsd of service " + operation.instance().name() + " did not"
                    + " find nfsdcld, so NFSv4 clients could not reclaim: see journalctl -u '"
                    + operation.instance().unit("nfsdcld") + "'");
        }
    }

    /**
     * IPv4 only: the kernel answers every IPv6 address with EINVAL, because it hands the string's length with its
     * newline to the parser, which then takes the end for a scope (write_unlock_ip and rpc_parse_scope_id of 6.12). Its
     * locks go with the file system's (6.1) or with the stop (6.3 and later).
     */
    private void unlockAddresses(Operation operation) throws IOException, InterruptedException {
        if (!operation.service().config().hasNfsV3()) {
            return;
        }
        node.in(operation.instance().inside(), () -> {
            if (nfsd.threads() == 0) {
                return null; // a start that did not come this far; newer kernels refuse the write then
            }
            for (InetPrefix address : operation.service().config().addresses()) {
                if (address.isV4()) {
                    nfsd.unlockIp(address.address());
                }
            }
            return null;
        });
    }

    /**
     * Before 6.3 nfsd's stop leaves NLM locks behind as long as anything else on the node uses lockd, and unlock_ip
     * does nothing on most stable kernels (its arguments were swapped from 2008 on). There the file system's locks
     * are released by its path. Later this would revoke NFSv4 state, and is not needed. What is left on one that has been
     * unmounted while in use the proof tells.
     */
    void unlockFileSystems(Operation operation, boolean nlmOnly) throws IOException, InterruptedException {
        if (!nlmOnly || !operation.service().config().hasNfsV3()) {
            return;
        }
        RunningService service = operation.service();
        node.in(operation.instance().inside(), () -> {
            for (Path place : Mounts.exported(node.kernel(), Mounts.OWN_MOUNTINFO, service.exports(), service.devices()).values()) {
                nfsd.unlockFilesystem(place);
            }
            return null;
        });
    }

    private void stopThreads(Operation operation) throws IOException, InterruptedException {
        // The nodename again: the kernel reads it at every write of this file.
        node.in(operation.instance().inside(), operation.service().config().scope(), () -> {
            nfsd.setThreads(0);
            return null;
        });
    }

    void setThreads(Operation operation) throws IOException, InterruptedException {
        ServiceConfig config = operation.service().config();
        node.in(operation.instance().inside(), config.scope(), () -> {
            nfsd.setThreads(config.threads());
            return null;
        });
    }
}
