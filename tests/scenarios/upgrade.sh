# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034,SC2154 # the library reads the variables, and sets package
# shellcheck disable=SC2016 # for other shells
# Promise: upgrades of the package and of Java under running services fail no monitor, stop no client and lose no lock
#
# Two services run on node1, with clients that hold locks and write over NFSv3, NFSv4.0 and NFSv4.2. There the package is
# upgraded, downgraded and so on, twenty times, and reinstalled twice. The services' instances must stay the same, and
# monitors, Pacemaker's and those of a loop beside it, must find them well all the time, within the time that the metadata
# recommends for a monitor (here Pacemaker itself waits longer). Then Java is reinstalled under the running helper, which must work
# on: status, monitor, and a move away and back, by one and the same process. Of all this no client may notice more than 1 s. On an
# emulated processor dpkg alone makes them wait: beside twenty installations of a package that is as large and does nothing, in turns
# with the upgrades, their longest gap is measured too, and half as much again is allowed where that is more.

ADDRESS_WEB=10.77.0.100 ADDRESS_DB=10.77.0.101
ROUNDS=10
JAVA=openjdk-17-jre-headless
RECOMMENDED=$(sed -n 's/.*<action name="monitor" timeout="\([0-9]*\)s".*depth="0".*/\1/p' "$TESTS/../ocf/nfs.xml")

# repacked NAME VERSION: sets made to the package as another version. Under another name it has the same files elsewhere, and
# nothing is done with them.
repacked() {
	local root=$OUT/$1-$2 file
	made=$root.deb
	dpkg-deb -R "$package" "$root" || return 1
	if [ "$1" != gracekeeper ]; then
		mkdir -p "$root/usr/share/$1"
		mv "$root/etc" "$root/usr/share/$1/" || return 1
		for file in "$root"/usr/*; do
			[ "$file" = "$root/usr/share" ] || mv "$file" "$root/usr/share/$1/" || return 1
		done
		mkdir "$root/usr/share/$1/share"
		for file in "$root"/usr/share/*; do
			[ "$file" = "$root/usr/share/$1" ] || mv "$file" "$root/usr/share/$1/share/" || return 1
		done
		for file in "$root"/DEBIAN/*; do
			[ "$file" = "$root/DEBIAN/control" ] || rm "$file" || return 1
		done
		sed -i -E "s/^Package: .*/Package: $1/; /^(Depends|Recommends|Suggests):/d" "$root/DEBIAN/control"
	fi
	sed -i "s/^Version: .*/Version: $2/" "$root/DEBIAN/control" &&
		dpkg-deb --root-owner-group -b "$root" "$made" && rm -r "$root"
}

# As `lab install`, from a file that is there already.
install() { on node1 dpkg --path-include='*' --install "/var/tmp/$1.deb"; } # NAME

# What the services' instances are made of: it changes when one of them was restarted behind our back.
identity() {
	on node1 sh -c 'for s in web db; do
		stat -Lc %i /run/netns/gk-$s
		for d in rpcbind nfsdcld statd mountd; do systemctl show -p MainPID --value gracekeeper-$d@$s; done
	done'
}
helper() { on node1 systemctl show -p MainPID --value gracekeeperd; }

# upgrade NAME: and the helper is another one then, that answers. When it began and ended is noted, by the clock of the loop of
# monitors, which is to look at the beginning.
upgrade() {
	local before
	before=$(helper)
	# <>, since > would wait for a reader.
	on node1 sh -c 'begun=$(date +%s.%N)
		echo 1<>/var/tmp/monitors.now
		dpkg --path-include="*" --install "/var/tmp/$1.deb" && gracekeeper ping || exit 1
		echo "$begun $(date +%s.%N)" >>/var/tmp/installations' - "$1" || return 1
	on node1 dpkg-query -W -f '${Version}\n' gracekeeper >>"$OUT/versions"
	[ "$(helper)" != "$before" ] || {
		echo "the helper is still process $before"
		return 1
	}
}

phase() { event "$1" "\"phase\": \"$2\""; } # WORDS NAME

load() { # SERVICE ADDRESS: over each version
	SVC=$1
	mount_nfs client1 "$1-v3" "$2" vers=3,hard && mount_nfs client1 "$1-v40" "$2" vers=4.0,hard &&
		mount_nfs client2 "$1-v42" "$2" vers=4.2,hard && mount_nfs client3 "$1-v3" "$2" vers=3,hard &&
		mount_nfs client3 "$1-v42" "$2" vers=4.2,hard && on client3 touch "/mnt/$1-v3/free" || return 1
	# A node that its clients keep busy all the time would have no time for an upgrade, whatever is upgraded.
	hold client1 "$1-v3" "$1-v3" "NFSv3 of $1" --rate 2 "$1:0+2" &&
		hold client1 "$1-v40" "$1-v40" "NFSv4.0 of $1" --rate 2 "$1:2+2" &&
		hold client2 "$1-v42" "$1-v42" "NFSv4.2 of $1" --rate 2 "$1:4+2" || return 1
	program client3 "contender-$1" contender.py --interval 5 --blocking --via "NFSv3=/mnt/$1-v3" --via "NFSv4.2=/mnt/$1-v42" \
		--control free:0 "$1:0+6"
}
HOLDERS=(web-v3 web-v40 web-v42 db-v3 db-v40 db-v42)

look_at_both() { # NODE
	for SVC in web db; do
		HELD=("$SVC:0+6")
		check "$1 has all locks of $SVC" look "$1"
	done
}

need "the package" have_package
need "a later version" repacked gracekeeper 9.9.9
later=$made
need "a package that does nothing" repacked nothing 1
nothing1=$made
need "its later version" repacked nothing 2
nothing2=$made
need "the package of Java" sh -c 'cd "$1" && apt-get -q download "$2" && mv "$2"_*.deb java.deb' - "$OUT" $JAVA
for file in "$package:n" "$later:n+1" "$nothing1:nothing1" "$nothing2:nothing2" "$OUT/java.deb:java"; do
	need "packages on node1" "$LAB" put node1 "${file%:*}" "/var/tmp/${file##*:}.deb"
done

begin_audit
need "storage" storage 0 web
need "storage" storage 1 db
{
	service web 0 "$ADDRESS_WEB/24"
	service db 1 "$ADDRESS_DB/24"
	for g in web db; do echo "location l-$g g-$g 50: node1"; done
} >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the services start" settled 300s
for s in web db; do need "$s is on node1" place $s node1; done
since=$(on node1 date +%s)
measure_clocks
need "clients of web hold their locks" load web $ADDRESS_WEB
need "clients of db hold their locks" load db $ADDRESS_DB
for SVC in web db; do check "grace of $SVC at its own start ends" wait_recovered node1; done
look_at_both node1
need "the first version" install n
need "the package that does nothing" install nothing1
before=$(identity)
rm -f "$OUT/versions"
on node1 rm -f /var/tmp/installations
need "a loop of monitors" on node1 systemd-run -q --collect --unit load-monitors -- \
	"$GUEST_DIR/monitor-often" /var/tmp/monitors web db

for turn in 1 2; do
	phase "turn $turn: a package that does nothing is installed $ROUNDS times" nothing
	for ((i = 0; i < ROUNDS; i++)); do need "installation" install nothing$((2 - i % 2)); done
	phase "turn $turn: the package is upgraded and downgraded, $ROUNDS times in all" upgrade
	for ((i = 0; i < ROUNDS; i++)); do
		if ((i % 2)); then to=n; else to=n+1; fi
		need "turn $turn, installation $((i + 1)), version $to" upgrade "$to"
	done
done
phase "the package is reinstalled twice" reinstallation
for i in 1 2; do need "reinstallation $i" upgrade n; done
phase "installations are over" after
same "versions that were installed" "$ROUNDS later, $((ROUNDS + 2)) earlier" \
	"$(grep -c '^9\.9\.9$' "$OUT/versions") later, $(grep -vc '^9\.9\.9$' "$OUT/versions") earlier"
same "the services' instances are still the same" "$before" "$(identity)"
look_at_both node1

# Java, all of its files, under the helper that runs.
pid=$(helper)
jvm=$(on node1 readlink -f /usr/bin/java)
inode=$(on node1 stat -c %i "$jvm")
phase "Java is reinstalled under the helper" java
need "Java is reinstalled" install java
check "Java's files are others" test "$(on node1 stat -c %i "$jvm")" != "$inode"
check "the helper still maps files that are not there any more" on node1 grep -q "libjvm.so (deleted)" "/proc/$pid/maps"
for SVC in web db; do
	same "the monitor of $SVC after that" 0 "$(verdict node1)"
	same "the status of $SVC after that" serving "$(state node1)"
done
phase "that is over" after
on node1 systemctl stop load-monitors
need "web moves to node2" move web node2
check "all locks of web are on node2" eval 'SVC=web HELD=(web:0+6); look node2'
need "web moves back to node1" move web node1
look_at_both node1
same "the helper is still the same process" "$pid" "$(helper)"

for file in monitors installations; do need "the log of $file" "$LAB" get node1 "/var/tmp/$file" "$OUT/$file"; done
check "the logs come home" end_load
check_load
same "monitors of the loop that did not find all well" "" "$(grep -v ' 0$' "$OUT/monitors")"
monitors=$(python3 "$TESTS/workload/monitors.py" "$OUT/monitors" "$OUT/installations" web db)
longest=$(field longest "$monitors")
say "      monitors of the loop: $monitors"
same "installations whose times are known" $((2 * ROUNDS + 2)) "$(field installations "$monitors")"
check "the loop has asked each service at least once in each of them" \
	test "$(field least "$monitors")" -ge 1 -a "$(field asked "$monitors")" -ge $((2 * ROUNDS + 2))
check "the longest monitor took $longest s, of the $RECOMMENDED s that the metadata recommends" between 0 "$longest" "$RECOMMENDED"
same "monitors of Pacemaker that did not find all well" "" "$(complaints node1 "$since" fs-web web fs-db db)"
for holder in "${HOLDERS[@]}"; do
	nothing=$(field "phases.nothing.$holder" "$TOTALS")
	for what in upgrade reinstallation java; do
		gap=$(field "phases.$what.$holder" "$TOTALS")
		say "      longest gap of $holder: $nothing s beside dpkg alone, $gap s in phase $what, ratio $(
			python3 -c 'import sys; print(round(float(sys.argv[2]) / float(sys.argv[1]), 2))' "$nothing" "$gap")"
		check "$holder, phase $what: a gap of $gap s is at most 1 s, or 1.5 times that beside dpkg alone ($nothing s)" \
			python3 -c 'import sys; sys.exit(float(sys.argv[2]) > max(1.0, 1.5 * float(sys.argv[1])))' "$nothing" "$gap"
	done
done
audit "web=node1:$ADDRESS_WEB" "db=node1:$ADDRESS_DB"
for s in web db; do check "service $s stops" remove $s; done
audit
