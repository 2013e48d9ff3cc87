// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RequestTest {
    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Of the only process there is. */
    private static byte[] environment(long pid) throws IOException {
        if (pid != 4711) {
            throw new IOException("no process " + pid);
        }
        return bytes("A=2=3\0OCF_RESKEY_exports=/a *(rw)\n\"/b c\" $(x) `y`\0EMPTY=\0");
    }

    private static Request parse(byte[] request) throws MalformedRequestException {
        return Request.parse(request, RequestTest::environment);
    }

    @Test
    void agentsEnvironmentArrivesByteForByte() throws Exception {
        Request request = parse(bytes("gracekeeper/2\0agent\0start\0004711\0A=1=2\0"));
        assertEquals(Request.Origin.AGENT, request.origin());
        assertEquals("start", request.verb());
        assertEquals("/a *(rw)\n\"/b c\" $(x) `y`", request.environment().get("OCF_RESKEY_exports"));
        assertEquals("", request.environment().get("EMPTY"));
        assertEquals("1=2", request.environment().get("A"));
    }

    @Test
    void commandLineArgumentsKeepTheirOrder() throws Exception {
        Request request = parse(bytes("gracekeeper/2\0cli\0status\0--json\0svc a\0"));
        assertEquals(List.of("--json", "svc a"), request.arguments());
    }

    @Test
    void whatIsNotARequestIsRefusedWithAReason() {
        for (String text : List.of("", "x", "\0", "gracekeeper/2\0", "gracekeeper/2\0agent\0", "gracekeeper/3\0cli\0a\0",
                "gracekeeper/2\0agent\0start", "gracekeeper/2\0agent\0start\0", "gracekeeper/2\0agent\0start\0A=1\0",
                "gracekeeper/2\0agent\0start\00099999999999\0", "gracekeeper/2\0agent\0start\0004712\0", "gracekeeper/2\0root\0start\0", "GET / HTTP/1.1\r\n\r\n")) {
            assertThrows(MalformedRequestException.class, () -> parse(bytes(text)), text);
        }
    }

    @Test
    void randomBytesNeverDoAnythingElse() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            byte[] junk = new byte[random.nextInt(64)];
            random.nextBytes(junk);
            if (random.nextBoolean()) {
                byte[] head = bytes("gracekeeper/2\0agent\0");
                System.arraycopy(head, 0, junk, 0, Math.min(head.length, junk.length));
            }
            try {
                parse(junk);
            } catch (MalformedRequestException expected) {
                // The one way out.
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + ", round " + i, e);
            }
        }
    }

    @Test
    void anAgentsAnswerIsOneLineForEachMessage() {
        Reply reply = new Reply.AgentBuilder()
                .line(Reply.Level.REASON, "what\nwhich\0object")
                .line(Reply.Level.INFO, "more")
                .build(OcfCode.ARGS);
        assertEquals("2\nreason what which object\ninfo more\n", new String(reply.encode(), StandardCharsets.UTF_8));
    }
}
