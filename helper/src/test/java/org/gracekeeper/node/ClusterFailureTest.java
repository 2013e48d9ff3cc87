// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import org.gracekeeper.model.ServiceName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClusterFailureTest {
    /** As crm_mon of Pacemaker 2.1.5 writes it. */
    private static final String XML = """
            <?xml version="1.0"?>
            <pacemaker-result api-version="2.27" request="crm_mon">
              <resources>
                <group id="g-web" number_resources="2" maintenance="false" managed="true" disabled="false">
                  <resource id="fs-web" resource_agent="ocf:heartbeat:Filesystem" role="Started" active="true" orphaned="false"\
             blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
                    <node name="node2" id="2" cached="true"/>
                  </resource>
                  <resource id="web" resource_agent="ocf:gracekeeper:nfs" role="Started" active="true" orphaned="false"\
             blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
                    <node name="node1" id="1" cached="true"/>
                  </resource>
                </group>
              </resources>
              <status code="0" message="OK"/>
            </pacemaker-result>
            """;

    @ParameterizedTest
    @CsvSource({
        "web, node1, '', '', true",
        "fs-web, node2, '', '', true",
        "web, node2, '', '', false",
        "eb, node1, '', '', false",
        "web, node1, 'role=\"Started\"', 'role=\"Stopped\" target_role=\"Started\"', false",
        "web, node1, 'role=\"Started\"', 'role=\"Started\" target_role=\"Started\"', true",
        "web, node1, 'role=\"Started\"', 'role=\"Started\" target_role=\"Stopped\"', false",
        "web, node1, 'managed=\"true\"', 'managed=\"false\"', false",
        "web, node1, 'failed=\"false\"', 'failed=\"true\"', false",
        "web, node1, 'blocked=\"false\"', 'blocked=\"true\"', false",
        "web, node1, 'orphaned=\"false\"', 'orphaned=\"true\"', false",
        "web, node1, 'managed=\"true\"', 'managed=\"true\" maintenance=\"true\"', false",
        "web, node1, 'active=\"true\"', 'active=\"true\" pending=\"Stopping\"', false",
    })
    void onlyWhatIsHereManagedAndAtRest(String name, String node, String attribute, String instead, boolean expected) throws Exception {
        int resource = XML.indexOf("<resource id=\"web\"");
        String xml = XML.substring(0, resource) + XML.substring(resource).replaceFirst(attribute.isEmpty() ? "$^" : attribute, instead);
        assertEquals(expected, ClusterFailure.caresFor(xml, new ServiceName(name), node));
    }

    @Test
    void whatCannotBeReadIsAnError() {
        String half = XML.substring(0, XML.indexOf("<resource id=\"web\""));
        assertThrows(IOException.class, () -> ClusterFailure.caresFor(half, new ServiceName("web"), "node1"));
    }
}
