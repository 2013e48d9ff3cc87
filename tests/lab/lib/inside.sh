# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# What runs inside a lab's namespaces: network, machines, power, fencing devices.
# State of a host is files below $L/HOST: pid (QEMU's), cut, paused, ready, console.log.

hosts() { cat "$L/hosts"; }

is_on() { # HOST
	local pid
	{ read -r pid <"$L/$1/pid"; } 2>/dev/null && kill -0 "$pid" 2>/dev/null
}

# lab_init: the lab's first process. It ends only with the lab; the kernel then kills the rest.
lab_init() {
	mount -t tmpfs -o size=80%,mode=700 lab /run
	mkdir -p "$L"
	ip link set lo up
	local br
	for br in br0 br1; do
		ip link add "$br" type bridge forward_delay 0 stp_state 0 mcast_snooping 0
		echo 0 >"/proc/sys/net/ipv6/conf/$br/accept_dad"
		ip link set "$br" up
	done
	ip addr add 10.77.0.1/24 dev br0
	ip addr add fd77::1/64 dev br0
	ip addr add 192.168.77.1/24 dev br1
	# The time of day for guests that boot.
	socat TCP-LISTEN:37,bind=192.168.77.1,reuseaddr,fork SYSTEM:'date +%s.%N' </dev/null >/dev/null 2>&1 &
	: >"$L/up"
	# Orphans end up here; bash reaps them while it waits.
	while :; do
		sleep 86400 &
		wait $! || :
	done
}

# create IMAGE KERNEL NODES CLIENTS DISKS ACCELERATOR: everything but switching the machines on.
create() {
	local image=$1 kernel=$2 nodes=$3 clients=$4 disks=$5 h i
	echo "$image" >"$L/image"
	echo "$kernel" >"$L/kernel"
	echo "${6%% *}" >"$L/accel"
	echo "${6#* }" >"$L/tsc"
	for ((i = 1; i <= nodes; i++)); do echo "node$i"; done >"$L/hosts"
	for ((i = 1; i <= clients; i++)); do echo "client$i"; done >>"$L/hosts"
	echo "$disks" >"$L/disks"
	# What the environment says now counts for the lab's whole life, whoever starts a machine.
	declare -p LAB_NODE_MEMORY LAB_CLIENT_MEMORY LAB_CPU LAB_APPEND >"$L/settings" 2>/dev/null || :
	for ((i = 0; i < disks; i++)); do truncate -s 1G "$L/shared$i.img"; done
	{
		echo "127.0.0.1 localhost"
		echo "::1 localhost ip6-localhost ip6-loopback"
		echo "10.77.0.1 lab"
		echo "fd77::1 lab"
		for h in $(hosts); do echo "10.77.0.$(host_number "$h") $h"; done
		for h in $(hosts); do echo "fd77::$(host_number "$h") $h"; done
	} >"$L/etc-hosts"
	{
		printf 'Host *\n'
		printf '%s\n' "IdentityFile $image/ssh/id" "UserKnownHostsFile $image/ssh/known_hosts" \
			'IdentitiesOnly yes' 'StrictHostKeyChecking yes' 'User root' 'LogLevel ERROR' 'BatchMode yes' \
			'ConnectTimeout 10' 'ServerAliveInterval 10' 'ServerAliveCountMax 12' 'GSSAPIAuthentication no' \
			'Ciphers aes128-gcm@openssh.com,aes128-ctr' "ControlPath $L/%n/ssh"
		for h in $(hosts); do printf 'Host %s\nHostName 192.168.77.%s\n' "$h" "$(host_number "$h")"; done
	} >"$L/ssh_config"
	for h in $(hosts); do create_host "$h" "$nodes"; done
	# Where fresh guests install packages from.
	! is_fresh || busybox httpd -p 192.168.77.1:80 -h "$image/repository"
	for ((i = 1; i <= nodes; i++)); do ipmi "$i"; done
}

is_fresh() { [ -d "$(cat "$L/image")/repository" ]; } # guests have nothing of a cluster yet

create_host() { # HOST NODES
	local h=$1 n s
	n=$(host_number "$h")
	mkdir -p "$L/$h"
	qemu-img create -q -f qcow2 -b "$(cat "$L/image")/root.img" -F raw "$L/$h/root.qcow2"
	local p
	for p in "${h}a" "${h}b"; do
		ip tuntap add dev "$p" mode tap
		ip link set "$p" mtu 1500 up
	done
	ip link set "${h}a" master br0
	ip link set "${h}b" master br1
	# Guests reach the lab through eth1, not each other.
	bridge link set dev "${h}b" isolated on

	s=$L/$h/tree
	mkdir -p "$s/seed/etc"
	printf 'HOST=%s\nNUMBER=%s\n' "$h" "$n" >"$s/seed/etc/lab.conf"
	echo "$h" >"$s/seed/etc/hostname"
	cp "$L/etc-hosts" "$s/seed/etc/hosts"
	echo "$LAB_NAME/$h" | md5sum | head -c 32 >"$s/seed/etc/machine-id"
	case $h in
	node*)
		if ! is_fresh; then
			mkdir "$s/seed/etc/corosync"
			corosync_conf "$2" >"$s/seed/etc/corosync/corosync.conf"
			cib "$2" >"$s/cib.xml"
		fi
		;;
	esac
	(cd "$s" && find . | busybox cpio -o -H newc 2>/dev/null) >"$L/$h/seed"
	cat "$(cat "$L/image")/initrd-$(cat "$L/kernel")" "$L/$h/seed" >"$L/$h/initrd"
	rm -rf "$s" "$L/$h/seed"
}

corosync_conf() { # NODES
	local i
	# Emulated CPUs that share two real ones can stand still for a second; 5 s without a token
	# means that a node is gone, not that it is slow.
	cat <<-X
		totem {
		    version: 2
		    cluster_name: lab
		    transport: knet
		    crypto_cipher: none
		    crypto_hash: none
		    token: 5000
		}
		quorum {
		    provider: corosync_votequorum
		$( (($1 != 2)) || echo '    two_node: 1')
		}
		logging {
		    to_syslog: yes
		    to_stderr: no
		}
		nodelist {
	X
	for ((i = 1; i <= $1; i++)); do
		printf '    node {\n        ring0_addr: 10.77.0.%s\n        name: node%s\n        nodeid: %s\n    }\n' \
			$((10 + i)) "$i" "$i"
	done
	echo '}'
}

# cib NODES: fencing as the cluster finds it when it starts for the first time. The devices are tried
# when they start and not monitored: a run of the agent costs an emulated CPU four seconds.
# dc-deadtime is how long nodes that start together wait for one that leads already; its 20 s
# are for real networks.
cib() {
	local i
	cat <<-X
		<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">
		 <configuration>
		  <crm_config>
		   <cluster_property_set id="cib-bootstrap-options">
		    <nvpair id="opt-stonith" name="stonith-enabled" value="true"/>
		    <nvpair id="opt-dc-deadtime" name="dc-deadtime" value="4s"/>
		    <nvpair id="opt-stonith-timeout" name="stonith-timeout" value="60s"/>
		   </cluster_property_set>
		  </crm_config>
		  <nodes/>
		  <resources>
	X
	for ((i = 1; i <= $1; i++)); do
		cat <<-X
			<primitive id="fence-node$i" class="stonith" type="fence_ipmilan">
			 <instance_attributes id="fence-node$i-ia">
			  <nvpair id="fence-node$i-ip" name="ip" value="10.77.0.1"/>
			  <nvpair id="fence-node$i-port" name="ipport" value="$((9000 + i))"/>
			  <nvpair id="fence-node$i-user" name="username" value="lab"/>
			  <nvpair id="fence-node$i-pass" name="password" value="lab"/>
			  <nvpair id="fence-node$i-lanplus" name="lanplus" value="1"/>
			  <nvpair id="fence-node$i-cipher" name="cipher" value="3"/>
			  <nvpair id="fence-node$i-wait" name="power_wait" value="0"/>
			  <nvpair id="fence-node$i-hosts" name="pcmk_host_list" value="node$i"/>
			  <nvpair id="fence-node$i-check" name="pcmk_host_check" value="static-list"/>
			 </instance_attributes>
			 <operations>
			  <op id="fence-node$i-start" name="start" interval="0s" timeout="120s"/>
			 </operations>
			</primitive>
		X
	done
	echo '</resources><constraints>'
	if (($1 > 1)); then
		for ((i = 1; i <= $1; i++)); do
			echo "<rsc_location id=\"fence-node$i-not-itself\" rsc=\"fence-node$i\" node=\"node$i\" score=\"-INFINITY\"/>"
		done
	fi
	echo '</constraints></configuration><status/></cib>'
}

ipmi() { # N: the management controller of nodeN
	local d=$L/node$1/ipmi
	mkdir -p "$d/state"
	cat >"$d/lan.conf" <<-X
		name "node$1"
		set_working_mc 0x20
		  startlan 1
		    addr 10.77.0.1 $((9000 + $1))
		    priv_limit admin
		    allowed_auths_callback none md2 md5 straight
		    allowed_auths_user none md2 md5 straight
		    allowed_auths_operator none md2 md5 straight
		    allowed_auths_admin none md2 md5 straight
		    guid a123456789abcdefa123456789abcdef
		  endlan
		  chassis_control "$LAB_DIR/lib/chassis node$1"
		  user 1 false "" "" user 10 none md2 md5 straight
		  user 2 true "lab" "lab" admin 10 none md2 md5 straight
	X
	echo 'mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20' >"$d/sim.emu"
	(cd "$d" && exec setsid ipmi_sim -c lan.conf -f sim.emu -s state -n) </dev/null >"$d/log" 2>&1 &
}

# power HOST on|off|status. The whole of a machine's power supply: used by fencing, crash, start.
power() {
	local h=$1 pid result=0
	exec {power_lock}>"$L/$h/power.lock"
	flock "$power_lock"
	case $2 in
	status) is_on "$h" || result=1 ;;
	on) is_on "$h" || machine_on "$h" || result=1 ;;
	off)
		if is_on "$h"; then
			read -r pid <"$L/$h/pid"
			kill -KILL "$pid"
			while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
		fi
		rm -f "$L/$h/pid" "$L/$h/paused" "$L/$h/ready"
		drop_connection "$h"
		;;
	esac
	exec {power_lock}>&-
	return "$result"
}

machine_on() { # HOST
	local h=$1 n image kernel i args=() mem cpu
	# shellcheck source=/dev/null
	[ ! -e "$L/settings" ] || . "$L/settings"
	n=$(host_number "$h")
	image=$(cat "$L/image")
	kernel=$(cat "$L/kernel")
	case $h in
	node*)
		mem=${LAB_NODE_MEMORY:-1024}
		for ((i = 0; i < $(cat "$L/disks"); i++)); do
			# Writes are in the host's page cache before the guest hears of their end, so killing QEMU
			# loses nothing that was acknowledged, and both nodes see the same bytes.
			args+=(-drive "if=none,id=s$i,file=$L/shared$i.img,format=raw,cache=writethrough,file.locking=off"
				-device "virtio-blk-pci,drive=s$i,serial=shared$i,share-rw=on")
		done
		;;
	*) mem=${LAB_CLIENT_MEMORY:-512} ;;
	esac
	rm -f "$L/$h/ready" "$L/$h/paused"
	drop_connection "$h"
	# QEMU 7.2 emulates cmpxchg16b with flags that may be made of stale values: once in some hours the next interrupt
	# finds nonsense in EFLAGS, and the guest dies of a double fault in its slab allocator. Linux does without it.
	cpu=max
	[[ $(cat "$L/accel") == kvm* ]] || cpu=max,-cx16
	# The lock is not for QEMU and what else is started: they would hold it as long as they live.
	qemu-system-x86_64 -name "$LAB_NAME-$h" -M q35 -accel "$(cat "$L/accel")" -cpu "${LAB_CPU:-$cpu}" -m "$mem" -smp 1 \
		-nodefaults -no-user-config -display none -no-hpet \
		-kernel "$image/vmlinux-$kernel" -initrd "$L/$h/initrd" \
		-append "console=ttyS0 quiet loglevel=4 panic=5 net.ifnames=0 mitigations=off init_on_alloc=0 apparmor=0 nowatchdog audit=0 8250.nr_uarts=1 log_buf_len=2M $(cat "$L/tsc") ${LAB_APPEND:-}" \
		-chardev "file,id=c,path=$L/$h/console.log,append=on" -serial chardev:c \
		-monitor "unix:$L/$h/monitor,server=on,wait=off" \
		-drive "if=none,id=root,file=$L/$h/root.qcow2,format=qcow2,cache=writeback" \
		-device virtio-blk-pci,drive=root,serial=root \
		-netdev "tap,id=n0,ifname=${h}a,script=no,downscript=no" \
		-device "virtio-net-pci,id=eth0,netdev=n0,romfile=,mac=52:54:00:77:00:$(printf %02x "$n")" \
		-netdev "tap,id=n1,ifname=${h}b,script=no,downscript=no" \
		-device "virtio-net-pci,id=eth1,netdev=n1,romfile=,mac=52:54:00:78:00:$(printf %02x "$n")" \
		-device virtio-rng-pci "${args[@]}" \
		-daemonize -pidfile "$L/$h/pid" {power_lock}>&- || return 1
	[ ! -e "$L/$h/cut" ] || monitor "$h" "set_link eth0 off"
	(connect "$h") {power_lock}>&- </dev/null >/dev/null 2>&1 &
}

power_on_all() {
	local h
	for h in $(hosts); do power "$h" on; done
}

console() { cat "$L/$1/console.log"; } # HOST

monitor() { # HOST COMMAND: QEMU's own console
	printf '%s\n' "$2" | socat -t1 - "UNIX-CONNECT:$L/$1/monitor" >/dev/null
}

# connect HOST: bring up the connection that `lab exec` uses, as soon as the guest answers.
connect() {
	local h=$1 pid
	exec {connect_lock}>"$L/$h/connect.lock"
	flock "$connect_lock"
	read -r pid <"$L/$h/pid" || return 1
	while kill -0 "$pid" 2>/dev/null; do
		ssh -F "$L/ssh_config" -O check "$h" 2>/dev/null && break
		if ssh -F "$L/ssh_config" -o ControlMaster=yes -o ControlPersist=yes -N -f "$h" {connect_lock}>&- 2>"$L/$h/ssh.log"; then
			: >"$L/$h/ready"
			break
		fi
		sleep 0.3
	done
	exec {connect_lock}>&-
}

drop_connection() { # HOST: whoever has a command running there learns at once that it is gone
	if [ -S "$L/$1/ssh" ]; then
		ssh -F "$L/ssh_config" -O exit "$1" 2>/dev/null || :
		rm -f "$L/$1/ssh"
	fi
}

cut_off() { # HOST
	: >"$L/$1/cut"
	ip link set "${1}a" down
	! is_on "$1" || monitor "$1" "set_link eth0 off"
}

heal() { # HOST
	rm -f "$L/$1/cut"
	ip link set "${1}a" up
	! is_on "$1" || monitor "$1" "set_link eth0 on"
}

pause() { # HOST: it stands still, and time goes on without it
	local pid
	is_on "$1" || die "$1 is off"
	read -r pid <"$L/$1/pid"
	: >"$L/$1/paused"
	kill -STOP "$pid"
}

resume() { # HOST
	local pid
	is_on "$1" || die "$1 is off"
	read -r pid <"$L/$1/pid"
	kill -CONT "$pid"
	rm -f "$L/$1/paused"
}

status() {
	local h s
	echo "lab $LAB_NAME: kernel $(cat "$L/kernel") ($(cat "$(cat "$L/image")/release-$(cat "$L/kernel")")), $(cat "$L/accel"), $(cat "$L/disks") shared disks"
	for h in $(hosts); do
		s=off
		if is_on "$h"; then
			s=booting
			[ ! -e "$L/$h/ready" ] || s=on
			[ ! -e "$L/$h/paused" ] || s=paused
		fi
		[ ! -e "$L/$h/cut" ] || s="$s, cut"
		printf '%-10s %-14s %s\n' "$h" "$s" "10.77.0.$(host_number "$h") fd77::$(host_number "$h")"
	done
}

# wait_ready HOST SECONDS: until commands can be run there
wait_ready() {
	local end=$((SECONDS + $2))
	while :; do
		if ! is_on "$1"; then
			say "$1 is off"
			return 255
		elif [ -e "$L/$1/paused" ]; then
			say "$1 is paused"
			return 255
		elif [ -e "$L/$1/ready" ]; then
			[ ! -S "$L/$1/ssh" ] || return 0
			# The connection went with a reboot of the guest: make a new one.
			rm -f "$L/$1/ready"
			(connect "$1") </dev/null >/dev/null 2>&1 &
		elif ((SECONDS >= end)); then
			say "$1 does not answer; its console ends with:"
			tail -n 30 "$L/$1/console.log" >&2
			return 255
		fi
		sleep 0.1
	done
}
