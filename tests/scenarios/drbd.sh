# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the libraries read the variables
# Promise: on DRBD instead of a shared disk, what failover-locks promises
#
# After a power cut the node that comes back gets what it has missed, and until then may not be promoted.
STORAGE=drbd
# shellcheck source=failover-locks.sh
. "$SCENARIOS/failover-locks.sh"
