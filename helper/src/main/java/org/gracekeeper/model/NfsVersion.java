// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

import java.util.Arrays;
import java.util.Optional;

/** Protocol versions that nfsd can be told to serve, written as in nfsd's {@code versions} file. */
public enum NfsVersion {
    V3("3"),
    V4_0("4.0"),
    V4_1("4.1"),
    V4_2("4.2");

    private final String text;

    NfsVersion(String text) {
        this.text = text;
    }

    /** From {@code 3}, {@code 4.0}, {@code 4.1} or {@code 4.2}. */
    public static Optional<NfsVersion> parse(String text) {
        return Arrays.stream(values()).filter(v -> v.text.equals(text)).findFirst();
    }

    @Override
    public String toString() {
        return text;
    }
}
