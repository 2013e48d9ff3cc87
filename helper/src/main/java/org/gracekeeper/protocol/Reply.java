// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.protocol;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The answer on the control socket: a first line with the exit code in decimal, then for an agent lines of
 * {@code LEVEL text}, for the command line the text to print.
 */
public record Reply(int code, String body) {

    /** How an agent passes a line on: {@code reason} through ocf_exit_reason, the rest through ocf_log. */
    public enum Level {
        REASON,
        ERR,
        WARN,
        INFO,
        DEBUG
    }

    public static Reply text(int code, String body) {
        return new Reply(code, body.isEmpty() || body.endsWith("\n") ? body : body + "\n");
    }

    public byte[] encode() {
        return (code + "\n" + body).getBytes(StandardCharsets.UTF_8);
    }

    /** Collects an agent's lines. Not thread-safe. */
    public static final class AgentBuilder {
        private final List<String> lines = new ArrayList<>();

        public AgentBuilder line(Level level, String text) {
            lines.add(level.name().toLowerCase(java.util.Locale.ROOT) + " " + text.replaceAll("\\p{Cntrl}+", " "));
            return this;
        }

        public Reply build(OcfCode code) {
            return text(code.number(), String.join("\n", lines));
        }
    }
}
