// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The fields of a JSON object. One that is missing or null is null, 0 or false, which a record may refuse; one of another type than
 * is asked for makes each method throw IOException. Not thread-safe.
 */
public final class Fields {
    private final JsonNode object;
    private final List<String> asked = new ArrayList<>();

    Fields(JsonNode object) throws IOException {
        if (!object.isObject()) {
            throw new IOException("an object was expected, and it is of type " + object.getNodeType());
        }
        this.object = object;
    }

    /** Null where there is none. */
    private JsonNode get(String name) {
        JsonNode value = object.get(name);
        asked.add(name);
        return value == null || value.isNull() ? null : value;
    }

    private static JsonNode right(boolean right, String name, JsonNode value) throws IOException {
        if (!right) {
            throw new IOException("field " + name + " is not as it should be: it is of type " + value.getNodeType());
        }
        return value;
    }

    public String text(String name) throws IOException {
        JsonNode value = get(name);
        return value == null ? null : right(value.isTextual(), name, value).textValue();
    }

    public int integer(String name) throws IOException {
        JsonNode value = get(name);
        return value == null ? 0 : right(value.isIntegralNumber() && value.canConvertToInt(), name, value).intValue();
    }

    public long number(String name) throws IOException {
        JsonNode value = get(name);
        return value == null ? 0 : right(value.isIntegralNumber() && value.canConvertToLong(), name, value).longValue();
    }

    public double decimal(String name) throws IOException {
        JsonNode value = get(name);
        return value == null ? 0 : right(value.isNumber(), name, value).doubleValue();
    }

    public boolean flag(String name) throws IOException {
        return Boolean.TRUE.equals(optionalFlag(name));
    }

    /** As {@link #flag}, but null where it is missing. */
    public Boolean optionalFlag(String name) throws IOException {
        JsonNode value = get(name);
        return value == null ? null : (Boolean) right(value.isBoolean(), name, value).booleanValue();
    }

    /** A constant by its name. */
    public <T extends Enum<T>> T constant(String name, Class<T> type) throws IOException {
        String value = text(name);
        try {
            return value == null ? null : Enum.valueOf(type, value);
        } catch (IllegalArgumentException e) {
            throw new IOException("field " + name + " is none that is known: " + value, e);
        }
    }

    public <T> T object(String name, Json.Reading<T> reading) throws IOException {
        JsonNode value = get(name);
        return value == null ? null : Json.made(value, reading);
    }

    public <T> List<T> list(String name, Json.Reading<T> reading) throws IOException {
        JsonNode value = get(name);
        if (value == null) {
            return null;
        }
        List<T> list = new ArrayList<>();
        for (JsonNode element : right(value.isArray(), name, value)) {
            list.add(Json.made(element, reading));
        }
        return list;
    }

    public List<String> texts(String name) throws IOException {
        JsonNode value = get(name);
        if (value == null) {
            return null;
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode element : right(value.isArray(), name, value)) {
            texts.add(right(element.isTextual(), name, element).textValue());
        }
        return texts;
    }

    /** An object of which each field is a text. */
    public Map<String, String> textsByName(String name) throws IOException {
        JsonNode value = get(name);
        if (value == null) {
            return null;
        }
        Map<String, String> texts = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : right(value.isObject(), name, value).properties()) {
            texts.put(field.getKey(), right(field.getValue().isTextual(), field.getKey(), field.getValue()).textValue());
        }
        return texts;
    }

    /**
     * @param made of all the fields that are known here
     * @return the same
     * @throws IOException there are others
     */
    public <T> T only(T made) throws IOException {
        for (Map.Entry<String, JsonNode> field : object.properties()) {
            if (!asked.contains(field.getKey())) {
                throw new IOException("it has a field that is not known here: " + field.getKey());
            }
        }
        return made;
    }
}
