// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.service.release;

/**
 * What became of an operator's request to release something.
 *
 * @param text lines for the operator: what there was, what was done, and what is left
 * @param complete whether nothing is left of what should be gone
 */
public record Outcome(String text, boolean complete) {}
