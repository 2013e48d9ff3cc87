// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.action;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.gracekeeper.model.Parameters;
import org.gracekeeper.model.ServiceConfig;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.model.SharedServer;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class MetadataTest {

    @Test
    void everyParameterOfTheMetadataIsUsedAndHasAGoodDefault() throws Exception {
        Map<String, String> defaults = Metadata.defaults();
        assertEquals("3 4.0 4.1 4.2", defaults.get("versions"));
        assertEquals("", defaults.get("ip"));
        ServiceConfig config = ServiceConfig.of(new ServiceName("a"), Parameters.of(
                Map.of("OCF_RESKEY_ip", "192.0.2.1/24", "OCF_RESKEY_state_dir", "/srv/a/state",
                        "OCF_RESKEY_exports", "/srv/a/data *(rw)"), defaults));
        assertEquals(Integer.parseInt(defaults.get("lease_time")), config.leaseTime());
        assertEquals(ServiceConfig.class.getRecordComponents().length - 1 + SharedServer.class.getRecordComponents().length,
                defaults.size());
    }

    @Test
    void areWhatAnXmlParserFinds() throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
        Map<String, String> found = new LinkedHashMap<>();
        try (InputStream in = Metadata.class.getResourceAsStream("/nfs.xml")) {
            Document document = factory.newDocumentBuilder().parse(in);
            NodeList parameters = document.getElementsByTagName("parameter");
            for (int i = 0; i < parameters.getLength(); i++) {
                Element parameter = (Element) parameters.item(i);
                Element content = (Element) parameter.getElementsByTagName("content").item(0);
                found.put(parameter.getAttribute("name"), content.getAttribute("default"));
            }
        }
        assertEquals(found, Metadata.defaults());
    }
}
