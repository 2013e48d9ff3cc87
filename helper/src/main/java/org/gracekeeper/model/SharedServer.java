// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.model;

/**
 * How a service uses the node's own nfsd, which it shares with others.
 *
 * @param restart whether its start has nfsd begin a grace period, for all that it serves
 * @param enforce whether clients may come to what it exports through its own addresses only
 */
public record SharedServer(boolean restart, boolean enforce) {}
