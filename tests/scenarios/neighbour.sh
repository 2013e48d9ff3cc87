# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: a service that moves does not touch another one on the same node
#
# Service db stays on node1, with a client that holds locks and writes over NFSv3 and over NFSv4.2. Service web, with
# clients of its own, comes and goes eight times, beside it. db must never be in grace (its instance is asked ten times
# a second), and its clients' longest gap must be no longer than one second above what it costs them when a group of
# Filesystem and Dummy, which is nothing but a mount, comes and goes as often. Both take turns in one run: the two
# emulated CPUs are shared by all.

crm_for_plain() {
	cat <<-X
		primitive fs-plain Filesystem params device="/dev/disk/by-id/virtio-shared2" directory="/srv/plain" fstype=ext4 op start timeout=120s interval=0s op stop timeout=120s interval=0s op monitor interval=20s timeout=120s
		primitive plain ocf:pacemaker:Dummy op start timeout=60s interval=0s op stop timeout=60s interval=0s op monitor interval=10s timeout=60s
		group g-plain fs-plain plain meta resource-stickiness=1000
	X
}

# to_and_fro GROUP ROUNDS: ROUNDS moves, beginning with the one away from node1.
to_and_fro() {
	local to=node2 i
	for ((i = 0; i < $2; i++)); do
		need "$1 moves to $to" move "$1" "$to"
		to=$(other "$to")
	done
}

phase() { event "$1" "\"phase\": \"$2\""; } # WORDS NAME

begin_audit
need "storage" storage 0 web
need "storage" storage 1 db
need "storage" storage 2 plain
{
	service db 1 "10.77.0.101/24"
	service web 0 "10.77.0.100/24"
	crm_for_plain
	# All begin on node1; stickiness keeps db there.
	for g in db web plain; do echo "location l-$g g-$g 50: node1"; done
} >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the groups start" settled 300s
for g in db web plain; do need "$g is on node1" wait_started "$g" node1; done

measure_clocks
SVC=web
need "mount" mount_nfs client2 web3 10.77.0.100 vers=3,hard
need "mount" mount_nfs client2 web4 10.77.0.100 vers=4.2,hard
SVC=db
need "mount" mount_nfs client1 db3 10.77.0.101 vers=3,hard
need "mount" mount_nfs client1 db4 10.77.0.101 vers=4.2,hard
need "db's NFSv3 client" hold client1 db-v3 db3 "NFSv3 of db" f:0+2
need "db's NFSv4.2 client" hold client1 db-v42 db4 "NFSv4.2 of db" f:2+2
need "web's NFSv3 client" hold client2 web-v3 web3 "NFSv3 of web" f:0+2
need "web's NFSv4.2 client" hold client2 web-v42 web4 "NFSv4.2 of web" f:2+2
HELD=(f:0+4)
check "db's grace at its own start ends" wait_recovered node1
SVC=web
check "web's grace at its own start ends" wait_recovered node1
# A unit on the node: it enters the instance's namespaces, and stays for as long as the moves last.
need "sampler of db's grace" on node1 systemd-run -q --collect --unit load-grace -- \
	nsenter --net=/run/netns/gk-db --mount=/run/gracekeeper/ns/db -- "$GUEST_DIR/server.py" grace --log /var/tmp/db-grace.log db

for turn in 1 2; do
	phase "turn $turn: a file system and a Dummy move four times beside db" plain
	to_and_fro plain 4
	phase "turn $turn: service web moves four times beside db" web
	to_and_fro web 4
done
phase "moves are over" after
for s in web db; do
	SVC=$s
	check "all locks of $s are on node1" look node1
done

on node1 systemctl stop load-grace
need "the sampler's log" "$LAB" get node1 /var/tmp/db-grace.log "$OUT/grace.log"
check "the logs come home" end_load
same "locks lost" 0 "$(field lost "$TOTALS")"
same "I/O errors of the clients" 0 "$(field io_errors "$TOTALS")"
same "foreign bytes in locked ranges" 0 "$(field foreign "$TOTALS")"
same "programs that did not end properly" '[]' "$(field not_ended "$TOTALS")"
same "db's grace, as sampled: states seen" "v4_ended=True nlm_ended=True" \
	"$(python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print("; ".join("v4_ended=%s nlm_ended=%s" % (l["v4_ended"], l["nlm_ended"]) for l in lines if l["e"] == "grace"))' "$OUT/grace.log")"
check "the sampler looked often enough" python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
seconds = lines[-1]["t"] - lines[0]["t"]
print(lines[-1]["samples"], "samples in", seconds, "s")
sys.exit(lines[-1]["samples"] < seconds * 2)' "$OUT/grace.log"
for client in db-v3 db-v42; do
	plain=$(field "phases.plain.$client" "$TOTALS") web=$(field "phases.web.$client" "$TOTALS")
	say "      longest gap of $client: $plain s beside Filesystem and Dummy, $web s beside service web"
	check "$client: gap beside service web ($web s) at most 1 s above that beside Filesystem and Dummy ($plain s)" \
		python3 -c 'import sys; sys.exit(float(sys.argv[1]) > float(sys.argv[2]) + 1.0)' "$web" "$plain"
done
audit "web=node1:10.77.0.100" "db=node1:10.77.0.101"
for g in web db plain; do check "$g stops" remove "$g"; done
audit
