// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.namespaces;

import static org.gracekeeper.sys.MountCalls.MNT_DETACH;
import static org.gracekeeper.sys.MountCalls.MS_BIND;
import static org.gracekeeper.sys.MountCalls.MS_PRIVATE;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.gracekeeper.node.Mounts;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.state.Instance;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;
import org.gracekeeper.sys.Namespaces;
import org.gracekeeper.sys.StatFs;
import org.gracekeeper.task.Deadline;

/**
 * A network and a mount namespace, made in the host's mount namespace and pinned below /run, so that they outlive the helper and are
 * seen by systemd. What is in them is {@link MountNamespace}'s and {@link ServiceLink}'s. Thread-safe.
 */
public final class ServiceNamespaces {
    private final Node node;

    public ServiceNamespaces(Node node) {
        this.node = node;
    }

    public void make(Instance instance, Deadline deadline) throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            preparePins(Instance.PINS);
            node.run(deadline, "ip", "netns", "add", instance.netns());
            if (!Files.exists(instance.mountPin())) {
                Files.createFile(instance.mountPin());
            }
            // Slave, not private: with private propagation the host's umount would succeed and leave the device busy.
            node.run(deadline, "unshare", "--mount=" + instance.mountPin(), "--propagation", "slave", "true");
            return null;
        });
    }

    /** As {@code ip netns del} does, but without a process. */
    public void remove(Instance instance) throws IOException, InterruptedException {
        node.in(Namespaces.HOST, () -> {
            unpin(instance.mountPin(), 0);
            unpin(instance.netnsFile(), MNT_DETACH);
            return null;
        });
    }

    /** What tells a service's from others that bear their names. */
    public record Numbers(long network, long mounts) {}

    public Numbers numbers(Instance instance) throws IOException {
        return new Numbers((Long) Files.getAttribute(instance.netnsFile(), "unix:ino"),
                (Long) Files.getAttribute(instance.mountPin(), "unix:ino"));
    }

    /** Whether there is any of the two, or what is left of it. */
    public boolean any(Instance instance) {
        return Files.exists(instance.netnsFile()) || Files.exists(instance.mountPin());
    }

    /** What is missing of the two. */
    public Optional<String> missing(Instance instance) throws IOException {
        if (!Files.exists(instance.netnsFile())) {
            return Optional.of("network namespace " + instance.netns() + " is gone");
        }
        return isPinned(instance) ? Optional.empty()
                : Optional.of("mount namespace " + Instance.PINS.resolve(instance.name().value()) + " is gone");
    }

    /** Whether a namespace is really bound on the pin; without one it is an empty file. */
    public boolean isPinned(Instance instance) throws IOException {
        Path pin = instance.mountPin();
        return Files.exists(pin) && node.kernel().statfs(pin).type() == StatFs.NSFS_MAGIC;
    }

    /**
     * A mount namespace can only be pinned on a private mount (fs/namespace.c, attach_recursive_mnt: EINVAL). One start at a time:
     * a second mount would hide what has been pinned on the first, and neither a start nor a stop could go on from there.
     */
    synchronized void preparePins(Path pins) throws IOException {
        Files.createDirectories(pins);
        if (!Mounts.text(node.kernel(), Mounts.OWN_MOUNTINFO).contains(" " + pins + " ")) {
            node.kernel().mount(pins.toString(), pins, null, MS_BIND, null);
            node.kernel().mount(null, pins, null, MS_PRIVATE, null);
        }
    }

    private void unpin(Path pin, int flags) throws IOException {
        if (!Files.exists(pin)) {
            return;
        }
        try {
            node.kernel().umount(pin, flags);
        } catch (KernelException e) {
            if (e.errno() != Errno.EINVAL) {
                throw e;
            }
        }
        Files.deleteIfExists(pin);
    }
}
