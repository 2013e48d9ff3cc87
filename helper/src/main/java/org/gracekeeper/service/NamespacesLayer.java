// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.gracekeeper.sys.MountCalls.MS_BIND;
import static org.gracekeeper.sys.MountCalls.MS_PRIVATE;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.Namespaces;

/**
 * A network and a mount namespace for the service, made in the host's mount namespace and pinned below /run, so that
 * they outlive the helper and are seen by systemd.
 */
final class NamespacesLayer implements Layer {
    private final Node node;
    private final MountNamespace mounts;

    NamespacesLayer(Node node) {
        this.node = node;
        this.mounts = new MountNamespace(node.kernel());
    }

    @Override
    public String name() {
        return "namespaces";
    }

    @Override
    public void up(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        node.in(Namespaces.HOST, () -> {
            preparePins();
            node.run(operation.deadline(), "ip", "netns", "add", instance.netns());
            if (!Files.exists(instance.mountPin())) {
                Files.createFile(instance.mountPin());
            }
            // Slave, not private: with private propagation the host's umount would succeed and leave the device busy.
            node.run(operation.deadline(), "unshare", "--mount=" + instance.mountPin(), "--propagation", "slave",
                    "true");
            return null;
        });
        node.in(instance.inside(), () -> {
            mounts.mountAll(operation.service());
            return null;
        });
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        Instance instance = operation.instance();
        IOException failure = null;
        if (isPinned(instance)) {
            try {
                node.in(instance.inside(), () -> {
                    mounts.unmountAll();
                    return null;
                });
            } catch (IOException e) {
                failure = e;
            }
        }
        node.in(Namespaces.HOST, () -> {
            unpin(instance);
            if (Files.exists(instance.netnsFile())) {
                node.run(operation.deadline(), "ip", "netns", "del", instance.netns());
            }
            return null;
        });
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException {
        Instance instance = operation.instance();
        if (!Files.exists(instance.netnsFile())) {
            return Optional.of("network namespace " + instance.netns() + " is gone");
        }
        return isPinned(instance) ? Optional.empty()
                : Optional.of("mount namespace " + Instance.PINS.resolve(instance.name().value()) + " is gone");
    }

    /** Whether a namespace is really bound on the pin; without one it is an empty file. */
    boolean isPinned(Instance instance) throws IOException {
        Path pin = instance.mountPin();
        return Files.exists(pin) && node.kernel().statfs(pin).type() == org.gracekeeper.sys.StatFs.NSFS_MAGIC;
    }

    /** A mount namespace can only be pinned on a private mount (fs/namespace.c, attach_recursive_mnt: EINVAL). */
    private void preparePins() throws IOException {
        Files.createDirectories(Instance.PINS);
        String mountinfo = new String(
                node.kernel().read(Path.of("/proc/thread-self/mountinfo"), 4 << 20), StandardCharsets.UTF_8);
        if (!mountinfo.contains(" " + Instance.PINS + " ")) {
            node.kernel().mount(Instance.PINS.toString(), Instance.PINS, null, MS_BIND, null);
            node.kernel().mount(null, Instance.PINS, null, MS_PRIVATE, null);
        }
    }

    private void unpin(Instance instance) throws IOException {
        Path pin = instance.mountPin();
        if (!Files.exists(pin)) {
            return;
        }
        try {
            node.kernel().umount(pin, 0);
        } catch (KernelException e) {
            if (e.errno() != Errno.EINVAL) {
                throw e;
            }
        }
        Files.deleteIfExists(pin);
    }
}
