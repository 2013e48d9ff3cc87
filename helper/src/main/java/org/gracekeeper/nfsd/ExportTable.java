// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.nfsd;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gracekeeper.model.OctalEscapes;
import org.gracekeeper.model.PlannedExport;
import org.gracekeeper.model.UnexpectedFormatException;

/**
 * Exports, as exportfs lists them in etab (support/export/xtab.c of nfs-utils) and as the kernel has them in
 * /proc/net/rpc/nfsd.export/content (svc_export_show() in fs/nfsd/export.c). Both write
 * {@code PATH<tab>CLIENT(OPTIONS)} with octal escapes.
 */
public final class ExportTable {
    private static final Pattern LINE = Pattern.compile("(\\S+)\t([^\\s(]+)\\((.*)\\)");

    private ExportTable() {
    }

    /** One path for one client. The order of options is that of the source. */
    public record Export(String client, String path, List<String> options) {
        public Export {
            options = List.copyOf(options);
        }

        /** How the command line of exportfs names it. */
        public String argument() {
            return PlannedExport.argument(client, path);
        }
    }

    /** Comments are left out, and with them the kernel's entries that are not valid. */
    public static List<Export> parse(String text) throws UnexpectedFormatException {
        List<Export> exports = new ArrayList<>();
        for (String line : text.split("\n")) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            Matcher m = LINE.matcher(line);
            if (!m.matches()) {
                throw new UnexpectedFormatException("export table", line);
            }
            List<String> options = m.group(3).isEmpty() ? List.of() : List.of(m.group(3).split(","));
            exports.add(new Export(OctalEscapes.undone(m.group(2)), OctalEscapes.undone(m.group(1)), options));
        }
        return exports;
    }
}
