# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# Names and small tools that every part of the lab shares.

CACHE=${GRACEKEEPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gracekeeper}
LAB_NAME=${LAB_NAME:-lab}
# Everything a running lab has lies here, on a tmpfs of the lab's own mount namespace: no lab sees
# another's, and it is gone with the lab, however that ends.
# shellcheck disable=SC2034 # used by the other files
L=/run/lab
# shellcheck disable=SC2034
KERNELS="6.12 6.1"

say() { printf '%s\n' "lab: $*" >&2; }
die() {
	say "$*"
	exit "${FAILURE:-1}"
}

# quote ARG...: the arguments as one line for any POSIX shell.
quote() {
	local a
	for a; do
		printf "'%s' " "${a//\'/\'\\\'\'}"
	done
}

# The addresses are fixed: scenarios and people rely on them.
host_number() { # HOST: last part of its addresses
	case $1 in
	node[1-9] | node[1-3][0-9]) echo $((10 + ${1#node})) ;;
	client[1-9] | client[1-3][0-9]) echo $((50 + ${1#client})) ;;
	*) return 1 ;;
	esac
}

# The image's key: what goes into it and the script that puts it together.
image_key() {
	(cd "$LAB_DIR" && cat lib/build.sh lib/fetch-hook && find guest -type f -print0 | sort -z | xargs -0 cat) |
		sha256sum | cut -c1-16
}
image_dir() { echo "$CACHE/image-$(image_key)"; }
