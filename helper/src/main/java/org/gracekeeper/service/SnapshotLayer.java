// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.gracekeeper.model.InetPrefix;
import org.gracekeeper.net.TcpPeers;
import org.gracekeeper.store.DurableFiles;

/**
 * What has to be on stable storage before the first lock is released: the hosts with NLM locks, the NFSv4.0 clients,
 * the TCP connections. A clean stop of nfsd makes statd forget everybody (SM_UNMON for each host, fs/lockd/host.c).
 */
final class SnapshotLayer implements Layer {
    private final Node node;
    private final RecordsLayer records;
    private final Recovery recovery;
    private final DurableFiles files;

    SnapshotLayer(Node node, RecordsLayer records, Recovery recovery, DurableFiles files) {
        this.node = node;
        this.records = records;
        this.recovery = recovery;
        this.files = files;
    }

    @Override
    public String name() {
        return "snapshot";
    }

    @Override
    public void up(Operation operation) {
        // Nothing: what a crash needs is kept by statd and nfsdcld themselves, and by Recovery.
    }

    @Override
    public void down(Operation operation) throws IOException, InterruptedException {
        IOException failure = null;
        try {
            records.gather(operation.state());
        } catch (IOException e) {
            failure = e;
        }
        try {
            recovery.recordMinorVersionZeroClients(operation.service());
            savePeers(operation.service());
        } catch (IOException e) {
            failure = failure == null ? e : failure;
        }
        node.kernel().syncfs(operation.state().root());
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public Optional<String> check(Operation operation) throws IOException, InterruptedException {
        // Kept current, so that the connections are known after a crash too.
        savePeers(operation.service());
        return Optional.empty();
    }

    private void savePeers(RunningService service) throws IOException, InterruptedException {
        var addresses = service.config().addresses().stream().map(InetPrefix::address).collect(Collectors.toSet());
        var peers = node.in(service.instance().network(), () -> new TcpPeers(node.kernel(), TcpPeers.PROC_NET).established(addresses));
        byte[] text = TcpPeers.format(peers).getBytes(StandardCharsets.UTF_8);
        Path file = service.state().peers();
        if (!Files.exists(file) || !Arrays.equals(text, Files.readAllBytes(file))) {
            files.write(file, text);
        }
    }
}
