// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

import java.io.IOException;
import java.nio.file.Path;
import org.gracekeeper.nfsd.NfsdFs;
import org.gracekeeper.node.Node;
import org.gracekeeper.service.namespaces.MountNamespace;
import org.gracekeeper.sys.Errno;
import org.gracekeeper.sys.KernelException;

/**
 * Releases the NLM locks of one file system, of all servers of the node, and nothing else. {@code unlock_filesystem} does that
 * for lockd, of which there is one, and from 6.9 on revokes NFSv4 state of the one nfsd instance through whose file it is
 * written (fs/nfsd/nfsctl.c, write_unlock_fs). So it is written through that of a new network namespace, which has none. The
 * kernel answers EINVAL to that, from 6.9 on, when the locks are gone. Thread-safe.
 */
public final class NlmRelease {
    private final Node node;
    private final NfsdFs nfsd;

    public NlmRelease(Node node, NfsdFs nfsd) {
        this.node = node;
        this.nfsd = nfsd;
    }

    /**
     * Its success proves nothing.
     *
     * @param anyPathOnIt as the host sees it
     */
    public void release(Path anyPathOnIt) throws IOException, InterruptedException {
        node.apart(() -> {
            node.kernel().mount("nfsd", MountNamespace.NFSD, "nfsd", 0, null);
            try {
                nfsd.unlockFilesystem(anyPathOnIt);
            } catch (KernelException e) {
                if (e.errno() != Errno.EINVAL) {
                    throw e;
                }
            }
            return null;
        });
    }
}
