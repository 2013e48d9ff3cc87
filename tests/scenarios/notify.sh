# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: clients learn where the address is, and NFSv3 ones are notified within a second of that, however many are dead
#
# One client holds locks over IPv4, one over IPv6; statd has records of twenty more hosts of each family, which are nowhere.
# The service moves there and back. What the clients' hosts see on the wire tells when the address had come to the new node
# (the first frame from there that bears it: an announcement, an answer) and when the notification came. Both stamps are of
# one host's clock.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
DEAD=20
declare -A ADDRESS=([client1]=$ADDRESS4 [client2]=$ADDRESS6) NETID=([client1]=udp [client2]=udp6) PORT=()

# Where the client's statd listens: the last two numbers of its universal address.
statd_port() { # HOST
	on "$1" rpcinfo | awk -v netid="${NETID[$1]}" \
		'$1 == 100024 && $3 == netid { n = split($4, part, "."); print part[n - 1] * 256 + part[n]; exit }'
}

watch_wire() { # HOST
	on "$1" rm -f /var/tmp/wire.pcap
	on "$1" systemd-run -q --collect --unit load-wire -- tcpdump -i eth0 -n -U -s 128 -w /var/tmp/wire.pcap \
		"arp or icmp6 or host $ADDRESS4 or host $ADDRESS6" && until_true 30 on "$1" test -s /var/tmp/wire.pcap
}

seen() { # HOST FILTER: the frames
	tcpdump -r "$OUT/$1.pcap" -n -tt "$2" 2>/dev/null
}

# notified HOST NODE: from the address's first sign on the node to the first notification, in s.
notified() {
	local mac sign told
	mac=$(on "$2" cat /sys/class/net/eth0/address)
	sign=$(seen "$1" "ether src $mac and src host ${ADDRESS[$1]}" | head -n 1)
	told=$(seen "$1" "ether src $mac and src host ${ADDRESS[$1]} and udp dst port ${PORT[$1]}" | head -n 1)
	printf '%s\n' "first sign:         $sign" "first notification: $told" >>"$OUT/notified"
	python3 -c 'import sys; print(round(float(sys.argv[2]) - float(sys.argv[1]), 3))' "${sign%% *}" "${told%% *}"
}

# What announces an address, as far as the host has seen it: the kernel once, the helper three times again.
announced() { # HOST NODE
	local mac filter="arp and src host ${ADDRESS[$1]} and dst host ${ADDRESS[$1]}"
	[[ ${ADDRESS[$1]} != *:* ]] || filter="icmp6 and ip6[40] = 136 and src host ${ADDRESS[$1]} and dst host ff02::1"
	mac=$(on "$2" cat /sys/class/net/eth0/address)
	(($(on "$1" tcpdump -r /var/tmp/wire.pcap -n "ether src $mac and $filter" 2>/dev/null | wc -l) >= 4))
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
SVC=web
need "mount" mount_nfs client1 v3 $ADDRESS4 vers=3,hard
need "mount" mount_nfs client2 v3 "[$ADDRESS6]" vers=3,hard,proto=tcp6
for client in client1 client2; do
	need "locks of $client" program $client "keeper-$client" keeper.py "/mnt/v3/kept-$client" 10
	PORT[$client]=$(statd_port $client)
	need "the port of $client's statd: ${PORT[$client]}" test -n "${PORT[$client]}"
done
check "grace ends on node1" wait_recovered node1
check "the locks are there" held node1 20 0

for to in node2 node1; do
	need "records of hosts that are nowhere" guest "$(other $to)" dead-hosts web $DEAD
	for client in client1 client2; do need "tcpdump on $client" watch_wire $client; done
	event "service web is to go to $to"
	need "service web moves" move web $to
	check "grace ends on $to" wait_recovered $to
	ended $to | sed 's/^/      /' >&3
	check "$to: all locks are back" held $to 20 0
	check "$to: that ended NLM grace" grep -q 'NLM grace .* 20 of 20 locks back' <(ended $to)
	for client in client1 client2; do
		check "$client hears four announcements of ${ADDRESS[$client]} on $to" until_true 20 announced $client $to
		on $client systemctl stop load-wire
		need "what $client saw" "$LAB" get $client /var/tmp/wire.pcap "$OUT/$client.pcap"
		check "$to: $((DEAD + 1)) hosts are notified from ${ADDRESS[$client]}" on $to sh -c \
			"journalctl -b -o cat -u gracekeeperd | grep 'notifying .* from ${ADDRESS[$client]}\$' | tail -n 1 | grep -q ' $((DEAD + 1)) hosts'"
		took=$(notified $client $to)
		check "$client is notified after $took s" between 0 "$took" 1
		same "$client is notified from ${ADDRESS[$client]} only" "" \
			"$(seen $client "udp dst port ${PORT[$client]} and not src host ${ADDRESS[$client]}")"
		mv "$OUT/$client.pcap" "$OUT/$client-$to.pcap"
	done
done

for load in "${LOADS[@]}"; do on "${load%%:*}" systemctl stop "load-${load#*:}"; done
LOADS=()
unmount_clients
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
audit
