// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Parameters and defaults, read from the agent's own metadata so that they are written in one place only. */
public final class Metadata {
    /**
     * Enough for a file of our own, of which a test shows that an XML parser finds the same in it: Java's has a hundred
     * classes, which would stay in memory for these few lines.
     */
    private static final Pattern PARAMETER_OR_CONTENT =
            Pattern.compile("<parameter name=\"([^\"]*)\"|<content type=\"[^\"]*\" default=\"([^\"]*)\"");

    private Metadata() {}

    /**
     * @return every parameter's name with its default; the empty string where there is none
     */
    public static Map<String, String> defaults() throws IOException {
        try (InputStream in = Metadata.class.getResourceAsStream("/nfs.xml")) {
            if (in == null) {
                throw new IOException("the agent's metadata nfs.xml is missing from the helper's jar");
            }
            return defaults(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    private static Map<String, String> defaults(String xml) {
        Map<String, String> defaults = new LinkedHashMap<>();
        String parameter = null;
        Matcher found = PARAMETER_OR_CONTENT.matcher(xml);
        while (found.find()) {
            if (found.group(1) != null) {
                parameter = found.group(1);
                defaults.put(parameter, "");
            } else if (parameter != null) {
                defaults.put(parameter, found.group(2));
            }
        }
        return Collections.unmodifiableMap(defaults);
    }
}
