// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.gracekeeper.task.Looks;

/**
 * Has garbage collected when the heap has grown. What a start or a stop leaves behind soon counts as old, and the collector looks
 * at what is old only when there is no more room for it: then it takes more memory, and gives it back only when all is collected
 * at once, which with little that is new may be days later.
 */
final class HeapTrim {
    private static final Duration PAUSE = Duration.ofSeconds(20);
    /** Bytes; less is not worth an interruption of all threads. */
    static final long WORTH_IT = 1 << 20;

    private final BooleanSupplier idle;
    private final LongSupplier size;
    private final Runnable collect;
    /** The heap's size after the last collection. */
    private long last;

    /**
     * @param idle whether nobody waits for the helper
     * @param size the heap's, in bytes, with what is free in it
     */
    HeapTrim(BooleanSupplier idle, LongSupplier size, Runnable collect) {
        this.idle = idle;
        this.size = size;
        this.collect = collect;
    }

    static void start(BooleanSupplier idle) {
        HeapTrim trim = new HeapTrim(idle, Runtime.getRuntime()::totalMemory, System::gc);
        Looks.start("heap", PAUSE, () -> {}, trim::look);
    }

    void look() {
        if (size.getAsLong() - last >= WORTH_IT && idle.getAsBoolean()) {
            collect.run();
            last = size.getAsLong();
        }
    }
}
