// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;

/**
 * The resource's parameters as strings, defaults filled in; names are those of the agent's metadata.
 *
 * <p>Meta parameters ({@code OCF_RESKEY_CRM_meta_*}) and empty values count as not given, as Pacemaker's tools treat
 * them.
 */
public record Parameters(Map<String, String> values, Map<String, String> defaults) {
    private static final String PREFIX = "OCF_RESKEY_";

    /** @param defaults of all parameters, empty for none */
    public Parameters {
        values = Map.copyOf(values);
        defaults = Map.copyOf(defaults);
    }

    /**
     * @param environment the agent's
     * @param defaults from the metadata: every parameter's name with its default, empty for none
     * @throws OcfException (CONFIGURED) for a parameter the metadata does not have: a typing error must not be
     *     answered with a default
     */
    public static Parameters of(Map<String, String> environment, Map<String, String> defaults) throws OcfException {
        Map<String, String> values = new LinkedHashMap<>();
        defaults.forEach((name, value) -> {
            if (!value.isEmpty()) {
                values.put(name, value);
            }
        });
        Set<String> known = defaults.keySet();
        for (Map.Entry<String, String> entry : environment.entrySet()) {
            String name = entry.getKey();
            if (!name.startsWith(PREFIX) || name.startsWith(PREFIX + "CRM_meta_")
                    || name.equals(PREFIX + "crm_feature_set") || name.equals(PREFIX + "trace_ra")
                    || name.equals(PREFIX + "trace_dir") || name.contains("_default")) {
                continue;
            }
            String parameter = name.substring(PREFIX.length());
            if (!known.contains(parameter)) {
                throw new OcfException(OcfCode.CONFIGURED, "parameter \"" + parameter
                        + "\" is unknown: the agent's metadata lists what there is");
            }
            if (!entry.getValue().isBlank()) {
                values.put(parameter, entry.getValue());
            }
        }
        return new Parameters(values, defaults);
    }

    public String required(String name) throws OcfException {
        String value = values.get(name);
        if (value == null) {
            throw new OcfException(OcfCode.CONFIGURED, "parameter " + name + " is required and not set");
        }
        return value;
    }

    /** The value, or null when there is neither a value nor a default. */
    public String optional(String name) {
        return values.get(name);
    }

    /** Whether it says nothing else than its default. */
    public boolean isDefault(String name) {
        return values.getOrDefault(name, "").strip().equals(defaults.getOrDefault(name, ""));
    }

    /** The booleans of OCF: yes, true, on and 1 against no, false, off and 0. */
    public boolean bool(String name) throws OcfException {
        String value = required(name).strip();
        return switch (value.toLowerCase(Locale.ROOT)) {
            case "yes", "true", "on", "1" -> true;
            case "no", "false", "off", "0" -> false;
            default -> throw new OcfException(
                    OcfCode.CONFIGURED, "parameter " + name + "=\"" + value + "\" must be yes or no");
        };
    }

    public int integer(String name, int min, int max) throws OcfException {
        String value = required(name).strip();
        if (value.matches("[0-9]{1,9}")) {
            int number = Integer.parseInt(value);
            if (number >= min && number <= max) {
                return number;
            }
        }
        throw new OcfException(
                OcfCode.CONFIGURED,
                "parameter " + name + "=\"" + value + "\" must be a whole number from " + min + " to " + max);
    }
}
