# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# The lab's commands, as they run outside its namespaces.

# lab_pid: the running lab's first process. A lab leaves no trace outside its namespaces, so it is
# found by its name in the process table.
lab_pid() {
	local f name
	for f in /proc/[0-9]*/cmdline; do
		{ IFS= read -r -d '' name <"$f"; } 2>/dev/null || continue
		[[ $name == "gracekeeper-lab:$LAB_NAME" ]] || continue
		f=${f%/cmdline}
		# Not one of its children that has yet to exec.
		grep -q '^NSpid:.*[[:space:]]1$' "$f/status" 2>/dev/null || continue
		echo "${f#/proc/}"
		return 0
	done
	return 1
}

need_lab() { pid=$(lab_pid) || die "no lab named $LAB_NAME is up"; }

need_host() { # HOST: sets pid and dir, the host's state as seen from here
	need_lab
	dir=/proc/$pid/root$L/$1
	[[ -n $1 && $1 != */* && -d $dir ]] || die "no host $1 in lab $LAB_NAME; it has $(tr '\n' ' ' <"/proc/$pid/root$L/hosts")"
}

# inside FUNCTION ARG...: in the lab's namespaces.
inside() {
	nsenter --target "$pid" --net --pid --mount -- "$LAB_DIR/lib/inside" "$@"
}

lab_build() { # [--fresh]
	# shellcheck source=lib/build.sh
	. "$LAB_DIR/lib/build.sh"
	# shellcheck source=lib/fresh.sh
	. "$LAB_DIR/lib/fresh.sh"
	install_host_tools
	if [ "${1:-}" = --fresh ]; then build_fresh; else build_image; fi
}

lab_up() {
	local kernel=6.12 nodes=2 clients=0 disks=4 package='' owner='' keep='' fresh='' wait=1 pid image h started=$SECONDS
	while (($#)); do
		case $1 in
		--kernel) kernel=$2 ;;
		--nodes) nodes=$2 ;;
		--clients) clients=$2 ;;
		--disks) disks=$2 ;;
		--install) package=$2 ;;
		--owner) owner=$2 ;;
		--keep | --no-wait | --fresh)
			case $1 in
			--keep) keep=1 ;;
			--no-wait) wait= ;;
			--fresh) fresh=--fresh ;;
			esac
			shift
			continue
			;;
		*) die "up: unknown option $1" ;;
		esac
		shift 2
	done
	[[ " $KERNELS " == *" $kernel "* ]] || die "up: no kernel $kernel; there are $KERNELS"
	[[ $nodes =~ ^[1-9]$|^[1-3][0-9]$ ]] || die "up: --nodes wants 1 to 39"
	[[ $clients =~ ^[0-9]$|^[1-3][0-9]$ ]] || die "up: --clients wants 0 to 39"
	[[ $disks =~ ^[0-9]$|^1[0-9]$ ]] || die "up: --disks wants 0 to 19"
	[ -z "$package" ] || is_package "$package" || die "up: $package is not a Debian package"
	[[ -z $package || -z $fresh ]] || die "up: a fresh guest has not got what a package to be installed depends on"
	[[ -z $owner ]] || kill -0 "$owner" 2>/dev/null || die "up: there is no process $owner"
	[ "$(id -u)" = 0 ] || die "up needs root (network and process namespaces)"
	# shellcheck disable=SC2086 # one word or none
	lab_build $fresh
	if [ -n "$fresh" ]; then image=$(fresh_dir); else image=$(image_dir); fi
	local accel
	accel=$(accelerator "$image")

	exec {up_lock}>"$CACHE/up.lock"
	flock -w 60 "$up_lock" || die "another lab has been starting for a minute (it holds $CACHE/up.lock)"
	! pid=$(lab_pid) || die "a lab named $LAB_NAME is up already"
	setsid -f "$LAB_DIR/lib/supervise" "$owner" {up_lock}>&- </dev/null >/dev/null 2>&1
	local end=$((SECONDS + 20))
	until pid=$(lab_pid) && [ -e "/proc/$pid/root$L/up" ]; do
		((SECONDS < end)) || die "the lab's supervisor did not start"
		sleep 0.05
	done
	exec {up_lock}>&-

	[ -n "$keep" ] || trap 'lab_down; exit 130' INT TERM
	if ! bring_up; then
		if [ -n "$keep" ]; then
			say "the lab did not come up; it is left for looking at"
		else
			say "the lab did not come up; taking it down"
			lab_down
		fi
		return 1
	fi
	trap - INT TERM
	say "up in $((SECONDS - started)) s"
}

# Nodes first, the clients when the cluster stands: pacemakerd kills a daemon of its own that does not answer for five
# seconds, which happens when all machines of a lab boot at once on two cores, and gives up in the end.
bring_up() { # uses lab_up's variables
	inside create "$image" "$kernel" "$nodes" "$clients" "$disks" "$accel" || return 1
	if [ -z "$wait" ]; then
		inside power_on_all
		return
	fi
	boot node || return 1
	if [ -z "$fresh" ]; then
		lab_exec node1 -- /usr/local/sbin/lab-wait-cluster "$nodes" 240 || return 1
		say "the cluster stands after $((SECONDS - started)) s"
	fi
	boot client || return 1
	[ -z "$package" ] || (lab_install "$package") || return 1
	say "$nodes nodes and $clients clients answer after $((SECONDS - started)) s"
}

boot() { # KIND: all hosts of it, side by side
	local h hosts
	hosts=$(grep "^$1" "/proc/$pid/root$L/hosts")
	for h in $hosts; do inside power "$h" on || return 1; done
	for h in $hosts; do inside wait_ready "$h" 240 || return 1; done
}

# accelerator IMAGE: QEMU's accelerator and kernel options for the guests' clock. KVM if a guest
# really boots with it (the device alone means nothing), else emulation.
accelerator() {
	local file out khz
	file=$CACHE/accelerator-$({ cat /etc/machine-id /proc/version; grep -m 3 -E "^(model name|flags|microcode)" /proc/cpuinfo; echo 2; } 2>/dev/null | sha256sum | cut -c1-16)
	if [ ! -s "$file" ]; then
		say "finding out how guests boot best on this machine"
		if [ -e /dev/kvm ] && probe "$1" kvm | grep -q 'lab: probe ok'; then
			out='kvm '
		else
			out=$(probe "$1" tcg,thread=multi)
			[[ $out == *'lab: probe ok'* ]] || die "no guest boots on this machine: $out"
			khz=$(sed -n 's/.*Refined TSC clocksource calibration: \([0-9]*\)\.\([0-9]*\) MHz.*/\1\2/p' <<<"$out" | tail -n 1)
			out="tcg,thread=multi ${khz:+tsc_early_khz=$khz tsc=reliable}"
		fi
		echo "$out" >"$file.$$"
		mv "$file.$$" "$file"
	fi
	cat "$file"
}

probe() { # IMAGE ACCELERATOR
	timeout -k 1 30 qemu-system-x86_64 -M q35 -accel "$2" -cpu max -m 512 -nodefaults -display none -serial stdio \
		-no-reboot -kernel "$1/vmlinux-6.12" -initrd "$1/initrd-6.12" \
		-append "console=ttyS0 quiet panic=-1 lab.probe" </dev/null 2>&1 || :
}

lab_down() {
	local pid end=$((SECONDS + 20))
	if ! pid=$(lab_pid); then
		say "no lab named $LAB_NAME is up"
		return 0
	fi
	kill -KILL "$pid"
	# With its first process gone the kernel kills the others, and the namespaces go with them.
	while [ -e "/proc/$pid" ]; do
		((SECONDS < end)) || die "process $pid does not end"
		sleep 0.05
	done
}

is_package() { dpkg-deb --field "$1" Package >/dev/null 2>&1; } # FILE

# In the running guest, as on any machine, and not into its disk beforehand: then the package itself has to see to it that
# its service runs. Guests have nowhere to download from, so apt-get could do no more than dpkg: what the package depends on
# is there, or this fails.
lab_install() { # FILE.deb
	local pid h out started package=${1:-}
	is_package "$package" || die "install: $package is not a Debian package"
	need_lab
	for h in $(<"/proc/$pid/root$L/hosts"); do
		[[ $h == node* ]] || continue
		started=$SECONDS
		# The image's dpkg leaves documentation out, and syncs nothing.
		out=$(lab_exec "$h" -- sh -ec 'cat >/var/tmp/install.deb
			dpkg --path-include="*" --install /var/tmp/install.deb
			rm /var/tmp/install.deb
			sync' <"$package" 2>&1) || {
			printf '%s\n' "$out" >&2
			die "$h: ${package##*/} is not installed"
		}
		say "$h: ${package##*/} installed in $((SECONDS - started)) s"
	done
}

connected() { # of a host's state directory
	[ -e "$dir/ready" ] && [ -S "$dir/ssh" ] && [ ! -e "$dir/paused" ]
}

# Our end of the connection that the lab keeps to each guest. Without it nothing is tried: the
# addresses mean something else outside the lab.
ssh_options() { # HOST
	need_host "$1"
	connected || inside wait_ready "$1" 120 || exit 255
	options=(-F none -o "ControlPath=$dir/ssh" -o ControlMaster=no -o ProxyCommand=false -o LogLevel=ERROR -o User=root)
}

lab_exec() { # HOST -- CMD...
	# 255 is what no command that ran returns, as with ssh
	# shellcheck disable=SC2034 # used by die
	local FAILURE=255
	local host=${1:-} pid dir options
	[[ $# -ge 2 ]] || die "usage: exec HOST -- CMD..."
	shift
	[[ $1 != -- ]] || shift
	(($#)) || die "exec: no command"
	ssh_options "$host"
	ssh -T "${options[@]}" "$host" "$(quote "$@")"
}

lab_put() { # HOST SRC DST
	local pid dir options
	(($# == 3)) || die "usage: put HOST SRC DST"
	[ -e "$2" ] || die "put: no $2"
	ssh_options "$1"
	scp -q -rp "${options[@]}" "$(local_path "$2")" "$1:$3"
}

lab_get() { # HOST SRC DST
	local pid dir options
	(($# == 3)) || die "usage: get HOST SRC DST"
	ssh_options "$1"
	scp -q -rp "${options[@]}" "$1:$2" "$(local_path "$3")"
}

local_path() { # a path that scp takes for nothing else
	case $1 in
	/*) echo "$1" ;;
	*) echo "./$1" ;;
	esac
}

lab_crash() {
	local pid dir
	need_host "${1:-}"
	inside power "$1" off
}

lab_start() {
	local pid dir
	need_host "${1:-}"
	inside power "$1" on
	inside wait_ready "$1" 240
}

for_host() { # FUNCTION HOST
	local pid dir
	need_host "${2:-}"
	inside "$1" "$2"
}
lab_pause() { for_host pause "${1:-}"; }
lab_resume() { for_host resume "${1:-}"; }
lab_cut() { for_host cut_off "${1:-}"; }
lab_heal() { for_host heal "${1:-}"; }
lab_console() { for_host console "${1:-}"; }

lab_status() {
	local pid
	need_lab
	inside status
}
