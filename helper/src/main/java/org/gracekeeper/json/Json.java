// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Jackson's trees, its parser and its generator, and nothing in between. Its ObjectMapper would find out by itself what a record
 * looks like, with eight hundred classes and 8 MB of memory that the helper then keeps; so each record says that itself, for reading
 * ({@link Fields}) and for writing. Thread-safe.
 */
public final class Json {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private Json() {
    }

    /** How something is made of an object's fields. */
    @FunctionalInterface
    public interface Reading<T> {
        /** @throws IOException it cannot be made of these */
        T of(Fields fields) throws IOException;
    }

    public static ObjectNode object() {
        return NODES.objectNode();
    }

    public static <T> ArrayNode array(Collection<T> values, Function<? super T, ? extends JsonNode> form) {
        ArrayNode array = NODES.arrayNode(values.size());
        values.forEach(value -> array.add(form.apply(value)));
        return array;
    }

    public static ArrayNode texts(Collection<String> values) {
        return array(values, NODES::textNode);
    }

    /**
     * The first value in {@code text}.
     *
     * @throws IOException it is no JSON, or no object, or {@code reading} will not have it
     */
    public static <T> T read(byte[] text, Reading<T> reading) throws IOException {
        try (JsonParser parser = FACTORY.createParser(text)) {
            parser.nextToken();
            return made(tree(parser), reading);
        }
    }

    /** @throws IOException it is no object, or {@code reading} will not have it */
    public static <T> T made(JsonNode node, Reading<T> reading) throws IOException {
        try {
            return reading.of(new Fields(node));
        } catch (IllegalArgumentException | NullPointerException e) { // a record's constructor
            throw new IOException(e.getMessage(), e);
        }
    }

    /** All values in {@code text}, one after the other. */
    public static List<JsonNode> all(String text) throws IOException {
        List<JsonNode> all = new ArrayList<>();
        try (JsonParser parser = FACTORY.createParser(text.getBytes(StandardCharsets.UTF_8))) {
            while (parser.nextToken() != null) {
                all.add(tree(parser));
            }
        }
        return all;
    }

    /** Of an object that is too large for a tree, to be read as it comes by {@link #next} and {@link #list}. */
    public static JsonParser begin(byte[] text, int from) throws IOException {
        JsonParser parser = FACTORY.createParser(text, from, text.length - from);
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw new IOException("no object");
        }
        return parser;
    }

    /** The value that the parser comes to next. */
    public static JsonNode next(JsonParser parser) throws IOException {
        parser.nextToken();
        return tree(parser);
    }

    /** The array that the parser comes to next; only one element is a tree at a time. */
    public static <T> List<T> list(JsonParser parser, Reading<T> reading) throws IOException {
        if (parser.nextToken() != JsonToken.START_ARRAY) {
            throw new IOException(parser.currentName() + ": no array");
        }
        List<T> list = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            list.add(made(tree(parser), reading));
        }
        return list;
    }

    private static JsonNode tree(JsonParser parser) throws IOException {
        if (parser.currentToken() == null) {
            throw new IOException("there is nothing, or not all");
        }
        switch (parser.currentToken()) {
            case START_OBJECT:
                ObjectNode object = NODES.objectNode();
                for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                    object.set(name, next(parser));
                }
                return object;
            case START_ARRAY:
                ArrayNode array = NODES.arrayNode();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    array.add(tree(parser));
                }
                return array;
            case VALUE_NUMBER_INT:
                return parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                        ? NODES.numberNode(parser.getBigIntegerValue()) : NODES.numberNode(parser.getLongValue());
            case VALUE_NUMBER_FLOAT:
                return NODES.numberNode(parser.getDoubleValue());
            case VALUE_TRUE:
            case VALUE_FALSE:
                return NODES.booleanNode(parser.getBooleanValue());
            case VALUE_NULL:
                return NODES.nullNode();
            default:
                return NODES.textNode(parser.getText());
        }
    }

    /** On one line. */
    public static byte[] bytes(JsonNode node) {
        return written(node, false);
    }

    /** For people, too: on a line for each field. */
    public static byte[] pretty(JsonNode node) {
        return written(node, true);
    }

    /** As {@link #pretty}, and ends its last line. */
    public static String text(JsonNode node) {
        return new String(pretty(node), StandardCharsets.UTF_8) + "\n";
    }

    private static byte[] written(JsonNode node, boolean pretty) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (JsonGenerator generator = generator(out)) {
            if (pretty) {
                generator.useDefaultPrettyPrinter();
            }
            write(node, generator);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // to memory
        }
        return out.toByteArray();
    }

    public static JsonGenerator generator(OutputStream out) throws IOException {
        return FACTORY.createGenerator(out);
    }

    /** Whole numbers are long, and others double. */
    public static void write(JsonNode node, JsonGenerator out) throws IOException {
        switch (node.getNodeType()) {
            case OBJECT -> {
                out.writeStartObject();
                for (Map.Entry<String, JsonNode> field : node.properties()) {
                    out.writeFieldName(field.getKey());
                    write(field.getValue(), out);
                }
                out.writeEndObject();
            }
            case ARRAY -> {
                out.writeStartArray();
                for (JsonNode element : node) {
                    write(element, out);
                }
                out.writeEndArray();
            }
            case STRING -> out.writeString(node.textValue());
            case BOOLEAN -> out.writeBoolean(node.booleanValue());
            case NULL -> out.writeNull();
            default -> {
                if (node.isIntegralNumber()) {
                    out.writeNumber(node.longValue());
                } else {
                    out.writeNumber(node.doubleValue());
                }
            }
        }
    }
}
