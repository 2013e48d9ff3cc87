// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.Random;

/** Damages text: for parsers that must not be surprised. */
public final class Mutations {
    private static final String ODD = "\n\t \"\\:;,{}()->x0f9\0\u00ff%";

    private Mutations() {
    }

    /** What a parser does with a text; may throw its typed exception. */
    @FunctionalInterface
    public interface Parser {
        void parse(String text) throws Exception;
    }

    /** Feeds damaged copies; any exception but the one allowed fails, with the seed to repeat it. */
    public static void feed(String text, int times, Class<? extends Exception> allowed, Parser parser) {
        long seed = Long.getLong("gracekeeper.seed", System.nanoTime());
        Random random = new Random(seed);
        for (int i = 0; i < times; i++) {
            String damaged = damage(text, random);
            try {
                parser.parse(damaged);
            } catch (Exception e) {
                if (!allowed.isInstance(e)) {
                    throw new AssertionError("-Dgracekeeper.seed=" + seed + ", round " + i + ": " + damaged, e);
                }
            }
        }
    }

    private static String damage(String text, Random random) {
        StringBuilder b = new StringBuilder(text);
        for (int n = random.nextInt(4); n >= 0; n--) {
            int at = random.nextInt(b.length() + 1);
            int to = Math.min(b.length(), at + random.nextInt(12));
            switch (random.nextInt(5)) {
                case 0 -> b.insert(at, ODD.charAt(random.nextInt(ODD.length())));
                case 1 -> b.delete(at, to);
                case 2 -> b.insert(at, b.substring(at, to).repeat(3));
                case 3 -> b.insert(at, "99999999999999999999999999");
                default -> b.setLength(at);
            }
        }
        return b.toString();
    }
}
