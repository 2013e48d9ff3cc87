// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.protocol;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One request on the control socket.
 *
 * <p>On the wire: fields that each end with a NUL byte, then end of file. The first is {@value #MAGIC}, the second
 * {@code agent} or {@code cli}, the third the action or verb. What follows are the command line's arguments; or the number of
 * the agent's process, and variables that win over its environment ({@code NAME=VALUE}). The environment itself is read from
 * {@code /proc/PID/environ}: so no shell ever quotes anything, and the agent needs no program to hand it on.
 *
 * @param origin who asks
 * @param verb the OCF action or the command line's verb
 * @param arguments the command line's arguments, empty for the agent
 * @param environment the agent's environment, empty for the command line
 */
public record Request(Origin origin, String verb, List<String> arguments, Map<String, String> environment) {
    /** First field of every request; its number changes when the format does. */
    public static final String MAGIC = "gracekeeper/2";

    /** Longest request taken, and longest environment, in bytes: the kernel limits it to about as much per string. */
    public static final int MAX_BYTES = 256 * 1024;

    public enum Origin {
        AGENT,
        CLI
    }

    public Request {
        arguments = List.copyOf(arguments);
        environment = Map.copyOf(environment);
    }

    /** Where a process's environment is read. */
    @FunctionalInterface
    public interface Environments {
        /**
         * @return as {@code /proc/PID/environ} has it
         * @throws IOException the process has ended
         */
        byte[] of(long pid) throws IOException;
    }

    /** @throws MalformedRequestException it is none, or its agent has ended already */
    public static Request parse(byte[] bytes, Environments environments) throws MalformedRequestException {
        List<String> fields = split(bytes);
        if (fields.size() < 3 || !fields.get(0).equals(MAGIC)) {
            throw new MalformedRequestException("expected \"" + MAGIC + "\", \"agent\" or \"cli\", and a verb");
        }
        List<String> rest = fields.subList(3, fields.size());
        return switch (fields.get(1)) {
            case "agent" -> new Request(Origin.AGENT, fields.get(2), List.of(), environment(rest, environments));
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

    private static Map<String, String> environment(List<String> fields, Environments environments)
            throws MalformedRequestException {
        if (fields.isEmpty() || !fields.get(0).matches("[0-9]{1,10}")) {
            throw new MalformedRequestException("the fourth field of an agent must be the number of its process");
        }
        Map<String, String> map = new LinkedHashMap<>();
        add(map, fields.subList(1, fields.size()));
        try {
            byte[] environment = environments.of(Long.parseLong(fields.get(0)));
            // The last NUL may be missing: a process can write over its own.
            add(map, List.of(new String(environment, StandardCharsets.UTF_8).split("\0")));
        } catch (IOException e) {
            throw new MalformedRequestException("the environment of the agent cannot be read: " + e.getMessage());
        }
        return map;
    }

    private static void add(Map<String, String> map, List<String> entries) {
        for (String entry : entries) {
            int equals = entry.indexOf('=');
            if (equals > 0) {
                map.putIfAbsent(entry.substring(0, equals), entry.substring(equals + 1));
            }
        }
    }
}
