// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.protocol;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One request on the control socket.
 *
 * <p>On the wire: fields that each end with a NUL byte, then end of file. The first is {@value #MAGIC}, the second
 * {@code agent} or {@code cli}, the third the action or verb. What follows is the agent's environment
 * ({@code NAME=VALUE}, as {@code /proc/self/environ} has it, so the shell never quotes anything) or the command
 * line's arguments.
 *
 * @param origin who asks
 * @param verb the OCF action or the command line's verb
 * @param arguments the command line's arguments, empty for the agent
 * @param environment the agent's environment, empty for the command line
 */
public record Request(Origin origin, String verb, List<String> arguments, Map<String, String> environment) {
    /** First field of every request; its number changes when the format does. */
    public static final String MAGIC = "gracekeeper/1";

    /** Longest request taken, in bytes: an environment is limited by the kernel to about as much per string. */
    public static final int MAX_BYTES = 256 * 1024;

    public enum Origin {
        AGENT,
        CLI
    }

    public Request {
        arguments = List.copyOf(arguments);
        environment = Map.copyOf(environment);
    }

    public static Request parse(byte[] bytes) throws MalformedRequestException {
        List<String> fields = split(bytes);
        if (fields.size() < 3 || !fields.get(0).equals(MAGIC)) {
            throw new MalformedRequestException("expected \"" + MAGIC + "\", \"agent\" or \"cli\", and a verb");
        }
        List<String> rest = fields.subList(3, fields.size());
        return switch (fields.get(1)) {
            case "agent" -> new Request(Origin.AGENT, fields.get(2), List.of(), environment(rest));
            case "cli" -> new Request(Origin.CLI, fields.get(2), rest, Map.of());
            default -> throw new MalformedRequestException("the second field must be \"agent\" or \"cli\"");
        };
    }

    private static List<String> split(byte[] bytes) throws MalformedRequestException {
        List<String> fields = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                fields.add(new String(bytes, from, i - from, StandardCharsets.UTF_8));
                from = i + 1;
            }
        }
        if (from != bytes.length) {
            throw new MalformedRequestException("the last field does not end with a NUL byte");
        }
        return fields;
    }

    private static Map<String, String> environment(List<String> entries) {
        Map<String, String> map = new LinkedHashMap<>();
        for (String entry : entries) {
            int equals = entry.indexOf('=');
            if (equals > 0) {
                map.putIfAbsent(entry.substring(0, equals), entry.substring(equals + 1));
            }
        }
        return map;
    }
}
