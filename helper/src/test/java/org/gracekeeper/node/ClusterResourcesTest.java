// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.gracekeeper.exec.CommandResult;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.node.ClusterResources.Answer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class ClusterResourcesTest {
    /** As Pacemaker 2.1.5 prints them. */
    private static final String PATHS = """
            /cib/configuration/resources/group[@id='g-web']/primitive[@id='fs-web']
            /cib/configuration/resources/group[@id='g-web']/primitive[@id='web']
            /cib/configuration/resources/primitive[@id='off']
            """;
    private static final String UNWANTED = "/cib/configuration/resources/primitive[@id='off']\n";
    private static final String ALL = "/cib/configuration/resources//primitive"
            + "[@template or @class='ocf' and @provider='gracekeeper' and @type='nfs']";
    private static final ServiceName WEB = new ServiceName("web");
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @TempDir
    private Path dir;

    private final Node node = mock(Node.class);
    private final AtomicLong clock = new AtomicLong(77);
    private String paths = PATHS;
    private String unwanted = UNWANTED;
    private String forbidden = "";
    private String here = "Node1\n";
    private final List<String> xpaths = new ArrayList<>();
    private int exit;
    private int asked;
    private ClusterResources resources;

    @BeforeEach
    void aCluster() throws Exception {
        when(node.hasTool("cibadmin")).thenReturn(true);
        when(node.hasTool("crm_node")).thenReturn(true);
        when(node.in(any(), any())).thenAnswer(call -> call.<Callable<?>>getArgument(1).call());
        when(node.commands()).thenReturn((timeout, stdin, argv) -> {
            if (argv.equals(List.of("crm_node", "-n"))) {
                return new CommandResult(argv, here.isEmpty() ? 102 : 0, here, "", Duration.ZERO, false);
            }
            assertEquals(List.of("cibadmin", "--query", "--node-path", "--xpath"), argv.subList(0, 4));
            xpaths.add(argv.get(4));
            boolean all = argv.get(4).equals(ALL);
            asked += all ? 1 : 0;
            String out = all ? paths : argv.get(4).contains("rsc_location") ? forbidden : unwanted;
            return new CommandResult(argv, exit != 0 ? exit : out.isEmpty() ? 105 : 0, out, "", Duration.ZERO, false);
        });
        resources = new ClusterResources(node, Files.writeString(dir.resolve("cib.xml"), "1"), clock::get);
    }

    private void pass(Duration time) {
        clock.addAndGet(time.toNanos());
    }

    private void configurationIsWritten(long when) throws IOException {
        Files.setLastModifiedTime(dir.resolve("cib.xml"), FileTime.fromMillis(when));
    }

    @Test
    void allPrimitivesAreResourcesAndSomeWantNothing() throws Exception {
        assertEquals(Answer.YES, resources.ask(WEB, MINUTE));
        assertEquals(Answer.UNWANTED, resources.ask(new ServiceName("off"), MINUTE));
        assertEquals(Answer.GONE, resources.ask(new ServiceName("db"), MINUTE));
        assertEquals(1, asked);
        unwanted = "";
        configurationIsWritten(1000);
        assertEquals(Answer.YES, resources.ask(new ServiceName("off"), Duration.ZERO));
    }

    @Test
    void someMayNeverBeHere() throws Exception {
        forbidden = PATHS;
        assertEquals(Answer.FORBIDDEN, resources.ask(WEB, MINUTE));
        assertEquals(Answer.UNWANTED, resources.ask(new ServiceName("off"), MINUTE));
        assertTrue(xpaths.stream().anyMatch(each -> each.startsWith(ALL + "[") && each.contains("'node1'")), xpaths.toString());
        for (String unknown : List.of("", "it's a name\n")) {
            here = unknown;
            configurationIsWritten(1000 + unknown.length());
            assertEquals(Answer.YES, resources.ask(WEB, Duration.ZERO), "who this node is cannot be told");
        }
    }

    /** cibadmin of Pacemaker 2.1.5 finds the same. */
    @Test
    void thePathsTellWhatIsThisAgentsAndWhatMayNeverBeHere() throws Exception {
        resources.ask(WEB, MINUTE);
        String forbidding = xpaths.stream().filter(each -> each.contains("rsc_location")).findFirst().orElseThrow();
        String cib = """
                <cib><configuration><resources>
                <group id="g"><primitive id="grouped" class="ocf" provider="gracekeeper" type="nfs"/>
                <primitive id="fs" class="ocf" provider="heartbeat" type="Filesystem"/></group>
                <primitive id="old" class="ocf" provider="heartbeat" type="nfsserver"/>
                <primitive id="made" template="t"/>
                <primitive id="there" class="ocf" provider="gracekeeper" type="nfs"/>
                <primitive id="banned" class="ocf" provider="gracekeeper" type="nfs"/>
                <primitive id="disliked" class="ocf" provider="gracekeeper" type="nfs"/>
                </resources><constraints>
                <rsc_location id="1" rsc="g" node="node1" score="-INFINITY"/>
                <rsc_location id="2" rsc="made" node="NODE1" score="-infinity"/>
                <rsc_location id="3" rsc="there" node="node2" score="-INFINITY"/>
                <rsc_location id="cli-ban-banned-on-node1" rsc="banned" node="node1" score="-INFINITY"/>
                <rsc_location id="4" rsc="banned" node="node1" score="-INFINITY" role="Promoted"/>
                <rsc_location id="5" rsc="disliked" node="node1" score="-1000"/>
                </constraints></configuration></cib>
                """;
        assertEquals(List.of("grouped", "made", "there", "banned", "disliked"), found(ALL, cib));
        assertEquals(List.of("grouped", "made"), found(forbidding, cib));
    }

    private static List<String> found(String xpath, String xml) throws Exception {
        NodeList found = (NodeList) XPathFactory.newInstance().newXPath()
                .evaluate(xpath, new InputSource(new StringReader(xml)), XPathConstants.NODESET);
        return IntStream.range(0, found.getLength()).mapToObj(i -> ((Element) found.item(i)).getAttribute("id")).toList();
    }

    @Test
    void itIsAskedAnewWhenTheConfigurationWasWritten() throws Exception {
        resources.ask(WEB, Duration.ZERO);
        pass(Duration.ofMinutes(9));
        resources.ask(WEB, Duration.ZERO);
        assertEquals(1, asked, "nothing has changed");
        configurationIsWritten(1000);
        paths = "";
        assertEquals(Answer.GONE, resources.ask(WEB, Duration.ZERO));
        configurationIsWritten(2000);
        paths = PATHS;
        pass(MINUTE.minusSeconds(1));
        assertEquals(Answer.GONE, resources.ask(WEB, MINUTE), "not more than once a minute");
        pass(Duration.ofSeconds(1));
        assertEquals(Answer.YES, resources.ask(WEB, MINUTE));
        assertEquals(3, asked);
        pass(ClusterResources.OUTDATED);
        resources.ask(WEB, MINUTE);
        assertEquals(4, asked, "where there is no file nothing tells of a change");
    }

    @Test
    void whatDoesNotAnswerIsNoReasonForAnything() throws Exception {
        exit = 102;
        assertEquals(Answer.UNKNOWN, resources.ask(WEB, Duration.ZERO));
        exit = 0;
        assertEquals(Answer.UNKNOWN, resources.ask(WEB, Duration.ZERO));
        assertEquals(1, asked, "of many services each would ask");
        pass(ClusterResources.AGAIN);
        assertEquals(Answer.YES, resources.ask(WEB, MINUTE));
        paths = "garbage";
        configurationIsWritten(1000);
        assertEquals(Answer.UNKNOWN, resources.ask(WEB, Duration.ZERO));
        when(node.hasTool("cibadmin")).thenReturn(false);
        pass(ClusterResources.AGAIN);
        assertEquals(Answer.UNKNOWN, resources.ask(WEB, Duration.ZERO));
        assertEquals(3, asked);
    }
}
