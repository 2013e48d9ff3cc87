// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Imports go in one direction, and only {@code sys} knows JNA. */
class ArchitectureTest {
    private static final Path SOURCES = Path.of("src/main/java/org/gracekeeper");
    private static final Pattern IMPORT = Pattern.compile("^import (?:static )?([\\w.]+);", Pattern.MULTILINE);

    private static final Map<String, Set<String>> MAY_IMPORT = Map.ofEntries(
            Map.entry("protocol", Set.of()),
            Map.entry("json", Set.of()),
            Map.entry("timeline", Set.of()),
            Map.entry("model", Set.of("protocol")),
            Map.entry("sys", Set.of("model")),
            Map.entry("exec", Set.of("model", "sys", "task")),
            Map.entry("store", Set.of("model", "sys", "task")),
            Map.entry("nfsd", Set.of("model", "sys", "exec", "store")),
            Map.entry("net", Set.of("json", "model", "sys", "exec", "store")),
            Map.entry("task", Set.of("model")),
            Map.entry("node", Set.of("model", "sys", "exec", "store", "nfsd", "net", "task")));

    /** Each may import those before it, and all that is not a service's. */
    private static final List<String> SERVICE = List.of(
            "state", "stack", "server", "namespaces", "network", "recovery", "notify", "daemons", "release", "standby", "own",
            "shared", "action", "report");

    @Test
    void importsGoInOneDirection() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Path file : sources()) {
            String from = SOURCES.relativize(file.getParent()).toString().replace('/', '.');
            Matcher imports = IMPORT.matcher(Files.readString(file));
            while (imports.find()) {
                String name = imports.group(1);
                boolean jna = name.startsWith("com.sun.jna") && !from.equals("sys");
                boolean inward = name.startsWith("org.gracekeeper.") && !allowed(from, packageOf(name));
                if (jna || inward) {
                    wrong.add(file + " imports " + name);
                }
            }
        }
        assertEquals(List.of(), wrong);
    }

    @Test
    void valuesAndDecisionsDoNoInputOrOutput() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Path file : sources()) {
            String text = Files.readString(file);
            boolean pure = Set.of("model", "protocol", "timeline").contains(SOURCES.relativize(file).getName(0).toString());
            if (pure && text.matches("(?s).*import java\\.(nio\\.file\\.Files|io\\.File|net\\.Socket|lang\\.Process).*")) {
                wrong.add(file.toString());
            }
        }
        assertEquals(List.of(), wrong);
    }

    @Test
    void everyPackageHasItsPlace() throws IOException {
        Set<String> found = new TreeSet<>();
        for (Path file : sources()) {
            found.add(SOURCES.relativize(file.getParent()).toString().replace('/', '.'));
        }
        Set<String> known = new TreeSet<>(MAY_IMPORT.keySet());
        SERVICE.forEach(each -> known.add("service." + each));
        known.add("daemon");
        assertEquals(known, found);
    }

    /** {@code daemon} puts all together, so nothing imports it and it imports all. */
    private static boolean allowed(String from, String to) {
        if (from.equals(to) || from.equals("daemon")) {
            return true;
        }
        if (!from.startsWith("service.")) {
            return MAY_IMPORT.get(from).contains(to);
        }
        int other = SERVICE.indexOf(to.replaceFirst("^service\\.", ""));
        return to.startsWith("service.") ? other >= 0 && other < SERVICE.indexOf(from.substring("service.".length()))
                : MAY_IMPORT.containsKey(to);
    }

    private static String packageOf(String name) {
        return name.replaceFirst("^org\\.gracekeeper\\.", "").replaceFirst("\\.[A-Z].*$", "");
    }

    private static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.walk(SOURCES)) {
            return files.filter(f -> f.toString().endsWith(".java")).toList();
        }
    }
}
