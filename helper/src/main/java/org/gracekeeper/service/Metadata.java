// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import java.io.IOException;
import java.io.InputStream;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/** Parameters and defaults, read from the agent's own metadata so that they are written in one place only. */
public final class Metadata {
    private Metadata() {}

    /**
     * @return every parameter's name with its default; the empty string where there is none
     */
    public static Map<String, String> defaults() throws IOException {
        try (InputStream in = Metadata.class.getResourceAsStream("/nfs.xml")) {
            if (in == null) {
                throw new IOException("the agent's metadata nfs.xml is missing from the helper's jar");
            }
            return defaults(in);
        } catch (XMLStreamException e) {
            throw new IOException("the agent's metadata nfs.xml cannot be read: " + e.getMessage(), e);
        }
    }

    static Map<String, String> defaults(InputStream in) throws XMLStreamException {
        XMLInputFactory factory = XMLInputFactory.newFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        Map<String, String> defaults = new LinkedHashMap<>();
        XMLStreamReader reader = factory.createXMLStreamReader(in);
        String parameter = null;
        while (reader.hasNext()) {
            if (reader.next() != XMLStreamConstants.START_ELEMENT) {
                continue;
            }
            if (reader.getLocalName().equals("parameter")) {
                parameter = reader.getAttributeValue(null, "name");
                defaults.put(parameter, "");
            } else if (reader.getLocalName().equals("content") && parameter != null) {
                String value = reader.getAttributeValue(null, "default");
                defaults.put(parameter, value == null ? "" : value);
            }
        }
        return Collections.unmodifiableMap(defaults);
    }
}
