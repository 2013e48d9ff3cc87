// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.stack;

import java.io.IOException;
import java.util.Optional;
import org.gracekeeper.protocol.OcfException;

/**
 * One layer of a running service. Start builds the layers upwards, stop takes them down in reverse order, monitor
 * checks each.
 *
 * <p>What a layer knows of a service it reads from the system ({@code /run}, the kernel), never from its own memory:
 * the helper may have been killed and started again between any two calls. Layers are therefore stateless and
 * thread-safe; one service's calls never overlap.
 */
public interface Layer {
    String name();

    /** Builds the layer. On failure {@link #down} is called for it and all below it. */
    void up(Operation operation) throws IOException, OcfException, InterruptedException;

    /** Whether what costs time was there when {@link #up} came to it, because it had been prepared. */
    default boolean wasPrepared(Operation operation) {
        return false;
    }

    /**
     * Takes the layer down as far as it is there. What cannot be done is reported by an exception, after everything
     * else in the layer was tried: stop goes on with the layers below it, and only the proof at its end decides.
     */
    void down(Operation operation) throws IOException, InterruptedException;

    /**
     * Looks at the layer of a service that should be running: empty, or what is wrong with it. Changes nothing: it is called
     * for the command line too, at any time, beside a start or a stop.
     */
    Optional<String> check(Operation operation) throws IOException, InterruptedException;

    /** What is not as it should be around a service that serves, and would not be better after a start anew; mostly empty. */
    default Optional<String> remark(Operation operation) throws IOException, InterruptedException {
        return Optional.empty();
    }

    /** What the monitor of a service that serves, with nothing wrong in any layer, keeps as it should be. */
    default void tend(Operation operation) throws InterruptedException {}
}
