// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExportsParserTest {

    @Test
    void readsWhatExportfsReads() throws Exception {
        List<ExportSpec> exports = ExportsParser.parse("""
                # a comment
                /srv/a   10.77.0.0/24(rw,no_root_squash) 10.77.0.51 host1(ro)
                "/srv/b c" -sync,ro fd77::/64 *(rw)
                /srv/d\\040e \\
                    192.0.2.0/255.255.255.0(rw,fsid=f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3)
                """);
        assertEquals(3, exports.size());
        assertEquals(
                new ExportSpec(Path.of("/srv/a"), List.of(
                        new ExportSpec.Client("10.77.0.0/24", List.of("rw", "no_root_squash"), null),
                        new ExportSpec.Client("10.77.0.51", List.of(), null),
                        new ExportSpec.Client("host1", List.of("ro"), null))),
                exports.get(0));
        assertEquals(Path.of("/srv/b c"), exports.get(1).path());
        assertEquals(List.of("sync", "ro"), exports.get(1).clients().get(0).options());
        assertEquals(List.of("sync", "ro", "rw"), exports.get(1).clients().get(1).options());
        assertEquals(Path.of("/srv/d e"), exports.get(2).path());
        assertEquals("f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3", exports.get(2).clients().get(0).fsid());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "'srv *(rw)'                    | not absolute",
        "'/srv'                         | no client",
        "'/srv (rw)'                    | names no client",
        "'/srv @group(rw)'              | netgroup",
        "'/srv *.example.com(rw)'       | wildcard",
        "'/srv host[12](rw)'            | wildcard",
        "'/srv gss/krb5(rw)'            | Kerberos",
        "'/srv *(rw,sec=krb5)'          | Kerberos",
        "'/srv *(rw,sec=sys:krb5p)'     | Kerberos",
        "'/srv *(rw,fsid=0)'            | no NFSv4 root of its own",
        "'/srv *(rw,fsid=root)'         | no NFSv4 root of its own",
        "'/srv *(rw,fsid=11)'           | UUID",
        "'/srv *(rw,bogus)'             | none that a service knows",
        "'/srv *(rw,refer=/a@b)'        | none that a service knows",
        "'/srv *(rw,anonuid=x)'         | number",
        "'/srv *(rw'                    | parentheses",
        "'/srv 10.0.0.300(rw)'          | not an IPv4",
        "'/srv 10.0.0.0/40(rw)'         | prefix length",
        "'\"/srv *(rw)'                 | not closed",
        "'/sr\\9v *(rw)'                | octal",
        "'/srv $(reboot)(rw)'           | parentheses",
        "'/srv a;b(rw)'                 | neither",
        "'# nothing'                    | no line"
    })
    void saysWhatIsWrongWithALine(String line, String expected) {
        OcfException e = assertThrows(OcfException.class, () -> ExportsParser.parse(line));
        assertEquals(OcfCode.CONFIGURED, e.code());
        assertTrue(e.getMessage().contains(expected), e.getMessage());
    }

    @Test
    void refusesTheSameDirectoryTwice() {
        OcfException e = assertThrows(OcfException.class,
                () -> ExportsParser.parse("/srv/a *(rw)\n/srv/b *(rw)\n/srv/x/../a 10.0.0.1(ro)\n"));
        assertTrue(e.getMessage().startsWith("parameter exports, line 3:"), e.getMessage());
    }

    @Test
    void mutatedLinesEndInAnExportOrAReason() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String good = "/srv/a\\040b -ro 10.77.0.0/24(rw,sec=sys) \"h\"(ro) fd77::1(fsid=f1d2d2f924e986ac86fdf7b36b4bcdf3)\n";
        String alphabet = " \t\n\\\"()#,=/*@:.-0a\0é";
        for (int i = 0; i < 50_000; i++) {
            StringBuilder text = new StringBuilder(good);
            for (int n = random.nextInt(4); n >= 0; n--) {
                int at = random.nextInt(text.length());
                char c = alphabet.charAt(random.nextInt(alphabet.length()));
                switch (random.nextInt(3)) {
                    case 0 -> text.setCharAt(at, c);
                    case 1 -> text.insert(at, c);
                    default -> text.deleteCharAt(at);
                }
            }
            try {
                ExportsParser.parse(text.toString());
            } catch (OcfException expected) {
                assertTrue(expected.getMessage().indexOf('\n') < 0);
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + ", round " + i + ": " + text, e);
            }
        }
    }
}
