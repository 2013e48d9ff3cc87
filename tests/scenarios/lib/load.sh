# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2153
# Clients that hold locks and write, one that tries to get them, and what was done to them meanwhile. Logs go to $OUT.

LOADS=() # HOST:NAME of every program that runs
SVC=''   # the service under load
HELD=()  # FILE:FIRST+COUNT that the server must show as locked
SERVED='' # the directory on the server that these files are in, if it is not the service's export
declare -A MOUNTED=()

event() { # WORDS [MORE-JSON-FIELDS]
	printf '{"w": %s, "text": "%s"%s}\n' "$EPOCHREALTIME" "$1" "${2:+, $2}" >>"$OUT/events.jsonl"
	say "      $(date +%T)  $1"
}

measure_clocks() {
	local host offset uncertain most=0
	{
		echo '{'
		for host in "${NODES[@]}" "${CLIENTS[@]}"; do
			read -r offset uncertain < <(python3 "$TESTS/workload/clocks.py" "$LAB" exec "$host" -- python3)
			printf ' "%s": %s,\n' "$host" "${offset:-0}"
			most=$(printf '%s\n' "$most" "${uncertain:-0}" | sort -g | tail -n 1)
		done
		# Of two hosts with each other.
		printf ' "uncertain": %s }\n' "$(python3 -c 'import sys; print(2 * float(sys.argv[1]))' "$most")"
	} >"$OUT/clocks.json"
	say "      clocks ahead of this machine's, in s: $(tr -d '{}\n' <"$OUT/clocks.json")"
}

mount_nfs() { # HOST NAME ADDRESS OPTIONS: at /mnt/NAME
	on "$1" sh -c "mkdir -p /mnt/$2 && mount -t nfs -o $4 '$3:/srv/$SVC/export' /mnt/$2" || return 1
	MOUNTED[$1]+=" /mnt/$2"
}

program() { # HOST NAME PROGRAM ARG...: start it there, and wait until it holds or tries
	local host=$1 name=$2 program=$3
	shift 3
	LOADS+=("$host:$name")
	guest "$host" start-load "$name" "$program" "$@"
}

hold() { # HOST NAME MOUNT PROTOCOL RANGE...
	local host=$1 name=$2 mount=$3 proto=$4
	shift 4
	program "$host" "$name" holder.py --proto "$proto" --dir "/mnt/$mount" "$@"
}

# usual_load SERVICE IPV4 IPV6: locks over every protocol, in a file shared by all and in one of each holder's own, and
# a contender for them all on a third host. The shared file is written with O_DIRECT, the own ones through the page cache.
usual_load() {
	SVC=$1
	local v3=vers=3,hard v40=vers=4.0,hard v42=vers=4.2,hard
	measure_clocks
	mount_nfs client1 v3 "$2" $v3 && mount_nfs client1 v40 "$2" $v40 &&
		mount_nfs client2 v3 "[$3]" $v3,proto=tcp6 && mount_nfs client2 v42 "[$3]" $v42 &&
		mount_nfs client3 v3 "$2" $v3 && mount_nfs client3 v42 "$2" $v42 &&
		on client3 touch /mnt/v3/free || return 1
	hold client1 c1-v3 v3 "NFSv3" shared:0+2 own-c1-v3:0+2:buffered &&
		hold client1 c1-v40 v40 "NFSv4.0" shared:2+2 own-c1-v40:0+2:buffered &&
		hold client2 c2-v3 v3 "NFSv3, IPv6" shared:4+2 own-c2-v3:0+2:buffered &&
		hold client2 c2-v42 v42 "NFSv4.2, IPv6" shared:6+2 own-c2-v42:0+2:buffered "${ALONE[@]/%/:buffered}" || return 1
	HELD=(shared:0+8 own-c1-v3:0+2 own-c1-v40:0+2 own-c2-v3:0+2 own-c2-v42:0+2)
	program client3 contender contender.py --interval 2 --blocking --via NFSv3=/mnt/v3 --via NFSv4.2=/mnt/v42 \
		--control free:0 "${HELD[@]}"
}
# More locks of client2's, in files that nobody else opens: what a server gives delegations for. The holder writes them
# through the page cache.
ALONE=()

held() { # NODE NLM V4: the server has exactly that many locks, beside those on "free", which a requester may have
	local got
	got=$(guest "$1" server.py count --without "/srv/$SVC/export/free" "/srv/$SVC")
	printf '%s\n' "$got"
	[ "$got" = "nlm $2, v4 $3" ]
}

# kept_lines NODE [FILE]: what the server there has on the file, "kept" if none is named.
kept_lines() { guest "$1" server.py locks /srv/web | grep ":$(on "$1" stat -c %i "/srv/web/export/${2:-kept}") "; }

# delegated NODE [FILE [READ|WRITE]]: a delegation on it, and no lock: only the client's own kernel knows of that.
delegated() {
	local found
	found=$(kept_lines "$@")
	printf '%s\n' "$found"
	grep -qE "DELEG +ACTIVE +${3:-}" <<<"$found" && ! grep -q POSIX <<<"$found"
}

# thief_ends NAME: stops the contender "thief" of client2, keeps its log under NAME, and says how often it was granted a lock.
thief_ends() {
	on client2 systemctl stop load-thief
	"$LAB" get client2 /var/tmp/load/thief.log "$OUT/thief-$1.log"
	python3 -c 'import json, sys
print([json.loads(line) for line in open(sys.argv[1])][-1]["granted"])' "$OUT/thief-$1.log"
}

# samplers: one on each node, which tells when the last lock of a client is back there. It looks from outside of all services.
samplers() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" systemd-run -q --unit load-sample -- "$GUEST_DIR/server.py" sample --log /var/tmp/sample.log \
			--without "/srv/$SVC/export/free" "/srv/$SVC" || return 1
	done
}

samplers_end() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" systemctl stop load-sample
		"$LAB" get "$node" /var/tmp/sample.log "$OUT/$node.sample.log" || return 1
	done
}

# requester HOST MOUNT: somebody there who asks for a lock on "free", which nobody holds, all the time. Over NFSv4.2: an NFSv3 lock
# that is held at the stop, and given up while no server answers, stays in the ledger and never comes back. With NFSv3 requesters
# every fourth move or so would take the full time. Its client has the file open, so grace waits for that one too; that is none of
# the holders, and what it adds counts as time that a new lock had to wait.
requester() {
	program "$1" requester contender.py --interval 0.2 --max-pending 110 --give-up 20 --via "NFSv4.2=/mnt/$2" --control free:0
}

requester_ends() { # HOST
	on "$1" systemctl stop load-requester
	"$LAB" get "$1" /var/tmp/load/requester.log "$OUT/requester@$1.log"
}

# logs HOST NAME PATTERN [SECONDS]: until the log of that program has a new line with it. Seen from there, the node has better things
# to do.
logs() {
	# shellcheck disable=SC2016 # the arguments of that shell
	on "$1" timeout "${4:-$((GRACE * 3))}" sh -c 'tail -n 0 -F "/var/tmp/load/$0.log" | grep -qm 1 -e "$1"' "$2" "$3"
}

# granted HOST: until its requester is granted a lock.
granted() { logs "$1" requester '"granted": \[0\]'; }

# granted_any HOST NAME SECONDS: until that program is granted one, whichever it asks for.
granted_any() { logs "$1" "$2" '"granted": \[[0-9]' "$3"; }

# note_holders NODE ADDRESS...: the NFSv4.1+ clients there on hosts with these addresses are the holders. early.py knows from that
# whose RECLAIM_COMPLETE counts. After each start: they have other names then.
note_holders() {
	local node=$1
	shift
	inside "$node" "$SVC" "$GUEST_DIR/server.py" clients "$@" >>"$OUT/holders"
}

# judge_starts WORDS NLM V4 COMPLETES TIMES BEGIN END: of TIMES starts between BEGIN and END, each with so many locks to come back
# and so many holders that send RECLAIM_COMPLETE. The logs are here. Sets FOUND for check_prompt.
judge_starts() {
	FOUND=$(python3 "$TESTS/workload/early.py" "$OUT" "$2" "$3" "$6" "$7")
	say "      $1: $FOUND"
	check "$1: every move was measured" python3 -c 'import json, sys
found, times, completes = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print(sys.argv[1])
sys.exit(len(found) != times or any(one["after"] is None or one["completes"] != completes for one in found))' "$FOUND" "$5" "$4"
	check "$1: nobody was granted a new lock while one was missing" python3 -c 'import json, sys
print(sys.argv[1])
sys.exit(any(one["early"] for one in json.loads(sys.argv[1])))' "$FOUND"
}

# check_prompt WORDS: of the starts that judge_starts found.
check_prompt() {
	check "$1" python3 -c 'import json, sys
print(sys.argv[1])
sys.exit(max(one["after"] for one in json.loads(sys.argv[1])) > 1.0)' "$FOUND"
}

# look NODE: does the server there have all the locks? It gets as long as recovery may take.
look() {
	local answer
	answer=$(guest "$1" server.py getlk --wait $((GRACE + 20)) --dir "${SERVED:-/srv/$SVC/export}" "${HELD[@]}" "${ALONE[@]}")
	[ -n "$answer" ] || answer='{"present": 0, "missing": ["no answer"]}'
	event "$1: the server has $(field present "$answer") of the clients' locks" "\"getlk\": $answer"
	[ "$(field missing "$answer")" = '[]' ]
}

field() { # NAME JSON|-: a name that is a number is an index; - reads standard input
	python3 -c 'import json, sys
value = json.loads(sys.stdin.read() if sys.argv[2] == "-" else sys.argv[2])
for name in sys.argv[1].split("."): value = value[int(name) if name.isdigit() else name]
print(value)' "$1" "$2"
}

# wait_recovered NODE: until both grace periods there have ended.
wait_recovered() {
	inside "$1" "$SVC" "$GUEST_DIR/server.py" wait-grace $((GRACE * 3))
}

# state NODE: of the service there, as the helper tells it.
state() { on "$1" gracekeeper status --json "$SVC" | field 0.state -; }

# ended NODE [JOURNALCTL-OPTION...]: what the helper says of the end of the last recovery there.
ended() {
	local node=$1
	shift
	on "$node" journalctl -b -o cat --no-pager "$@" -u gracekeeperd | grep -E "service $SVC: (NLM|NFSv4) grace ended after" | tail -n 2
}

# note_graces NODE: the last recovery's grace periods there become part of the timeline: check_hammered needs them.
note_graces() {
	ended "$1" -o short-unix |
		python3 "$TESTS/workload/report.py" --graces "$1" "$(field "$1" - <"$OUT/clocks.json")" >>"$OUT/events.jsonl"
}

# seconds NODE NLM|NFSv4: how long that grace lasted; nothing when it had ended by itself.
seconds() { ended "$1" | sed -n "s/.*$2 grace ended after \([0-9.]*\) s:.*/\1/p" | tail -n 1; }

# full_time NODE NLM|NFSv4: that grace there took grace_time, and no more. The helper looks ten times a second; what is allowed
# above is for an emulated node.
full_time() {
	ended "$1"
	between $((GRACE - 1)) "$(seconds "$1" "$2")" $((GRACE + 8))
}

# said_of_ledger NODE [JOURNALCTL-OPTION...]: the last start's line on what it recovers by.
said_of_ledger() {
	local node=$1
	shift
	on "$node" journalctl -b "$@" -o cat --no-pager -u gracekeeperd |
		grep -E "service $SVC: .*(recovering without a ledger|to come back): " | tail -n 1
}

# last_ledger NODE REASON: the last start there has warned that it has no ledger for this reason.
last_ledger() {
	local said warned
	said=$(said_of_ledger "$1")
	warned=$(said_of_ledger "$1" -p warning)
	printf '%s\n' "said: $said" "warned: $warned"
	[[ $said == *"recovering without a ledger: "*"$2"* && $warned = "$said" ]]
}

# with_ledger NODE: it has one.
with_ledger() {
	local said
	said=$(said_of_ledger "$1")
	printf '%s\n' "$said"
	[[ $said == *"to come back: "* ]]
}

between() { python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2] or "nan") <= float(sys.argv[3]))' "$@"; }

# end_programs: all of them, and their logs come here.
end_programs() {
	local load host name pids=()
	# The contender first: it would be granted the locks that ending holders give up.
	for load in "${LOADS[@]}"; do
		[[ $load != *contender* ]] || on "${load%%:*}" systemctl stop "load-${load#*:}"
	done
	for load in "${LOADS[@]}"; do
		[[ $load == *contender* ]] || { on "${load%%:*}" systemctl stop "load-${load#*:}" & pids+=($!); }
	done
	((${#pids[@]} == 0)) || wait "${pids[@]}"
	for load in "${LOADS[@]}"; do
		host=${load%%:*} name=${load#*:}
		"$LAB" get "$host" "/var/tmp/load/$name.log" "$OUT/$name.log" || return 1
	done
	LOADS=()
}

# end_load: stop the programs, unmount, and make the report. Sets TOTALS (JSON).
end_load() {
	end_programs || return 1
	python3 "$TESTS/workload/report.py" "$OUT" --json "$OUT/totals.json" --title "$SCENARIO, kernel $KERNEL" >&3
	TOTALS=$(cat "$OUT/totals.json")
	unmount_clients
}

# crash_client HOST: cut the power of a client's host. What its programs have logged comes home before: no more is expected of
# them.
crash_client() {
	local load name left=()
	for load in "${LOADS[@]}"; do
		name=${load#*:}
		if [ "${load%%:*}" = "$1" ]; then
			"$LAB" get "$1" "/var/tmp/load/$name.log" "$OUT/$name.log" || return 1
		else
			left+=("$load")
		fi
	done
	LOADS=("${left[@]}")
	unset "MOUNTED[$1]"
	event "power of $1 is cut" "\"crashed\": \"$1\""
	"$LAB" crash "$1"
}

unmount_clients() {
	local host pid pids=() status=0
	for host in "${!MOUNTED[@]}"; do
		# The client has itself mounted what it found below (nested file systems).
		# shellcheck disable=SC2086 # a list of mount points
		on "$host" umount -R ${MOUNTED[$host]} & pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || status=1; done
	MOUNTED=()
	return $status
}

# hammer IPV4: a second contender on client3, for the shared file's locks over three versions, once a second each: none of them
# may be granted from the first packet of a new instance on.
hammer() {
	mount_nfs client3 v40 "$1" vers=4.0,hard &&
		program client3 contender-hammer contender.py --interval 1 --max-pending 8 --sample 2 --blocking \
			--via NFSv3=/mnt/v3 --via NFSv4.0=/mnt/v40 --via NFSv4.2=/mnt/v42 shared:0+8
}

# check_hammered TIMES: so many NLM grace periods took their full time at least, and each of 2 s or longer, in which every third
# attempt over a version comes at least once, had attempts over each version waiting when it began, and blocking ones.
check_hammered() {
	check "held locks were asked for from the first packet to the end of each grace" python3 -c 'import json, sys
graces = [grace for grace in json.loads(sys.argv[1])["graces"] if grace["seconds"] >= 2]
print(*graces, sep="\n")
full = [grace for grace in graces if grace["which"] == "NLM" and grace["seconds"] >= float(sys.argv[2]) - 1]
hammered = [all(grace["waiting"].get(via) for via in ("NFSv3", "NFSv4.0", "NFSv4.2")) and grace["blocking"] for grace in graces]
sys.exit(len(full) < int(sys.argv[3]) or not all(hammered))' "$TOTALS" "$GRACE" "$1"
}

# check_load: what every scenario demands of its clients.
check_load() {
	same "locks lost" 0 "$(field lost "$TOTALS")"
	same "locks stolen" 0 "$(field stolen "$TOTALS")"
	same "all locks kept" "$(field locks "$TOTALS")" "$(field kept "$TOTALS")"
	same "I/O errors of the clients" 0 "$(field io_errors "$TOTALS")"
	same "foreign bytes in locked ranges" 0 "$(field foreign "$TOTALS")"
	same "held locks granted to the contender" 0 "$(field contender.granted "$TOTALS")"
	same "errors of the contender" '[]' "$(field contender.errors "$TOTALS")"
	check "the contender was refused" test "$(field contender.denied "$TOTALS")" -gt 0
	check "the contender was granted free locks: its attempts are judged" \
		test "$(field contender.free_granted "$TOTALS")" -gt 0
	same "programs that did not end properly" '[]' "$(field not_ended "$TOTALS")"
}
