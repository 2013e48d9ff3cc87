// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.gracekeeper.model.ServiceName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClusterFailureTest {
    /** As crm_mon of Pacemaker 2.1.5 writes it. */
    private static final String RESOURCE = """
            <group id="g-web" number_resources="2" maintenance="false" managed="true" disabled="false">
              <resource id="fs-web" resource_agent="ocf:heartbeat:Filesystem" role="Started" active="true" orphaned="false"\
             blocked="false" maintenance="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="1">
                <node name="node2" id="2" cached="true"/>
              </resource>
              <resource id="web" resource_agent="ocf:gracekeeper:nfs" role="ROLE" active="true" orphaned="false" blocked="false"\
             maintenance="MAINTENANCE" managed="MANAGED" failed="FAILED" failure_ignored="false" nodes_running_on="1"PENDING>
                <node name="node1" id="1" cached="true"/>
              </resource>
            </group>
            """;

    @ParameterizedTest
    @CsvSource({
        "web, node1, Started, false, true, false, '', true",
        "web, node2, Started, false, true, false, '', false",
        "eb, node1, Started, false, true, false, '', false",
        "web, node1, Stopped, false, true, false, '', false",
        "web, node1, Started, true, true, false, '', false",
        "web, node1, Started, false, false, false, '', false",
        "web, node1, Started, false, true, true, '', false",
        "web, node1, Started, false, true, false, ' pending=\"Stopping\"', false",
    })
    void onlyWhatIsManagedHereAndAtRest(String name, String node, String role, String maintenance, String managed, String failed,
            String pending, boolean expected) {
        String xml = RESOURCE.replace("ROLE", role).replace("MAINTENANCE", maintenance).replace("MANAGED", managed)
                .replace("FAILED", failed).replace("PENDING", pending);
        assertEquals(expected, ClusterFailure.isManagedHere(xml, new ServiceName(name), node));
    }
}
