# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# `lab build`: the guests' image and kernels, made from Debian's packages and cached.

# Command or file on the left, package that brings it on the right.
HOST_TOOLS='qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap
	ipmi_sim:openipmi ipmitool:ipmitool mke2fs:e2fsprogs busybox:busybox-static ssh:openssh-client
	ip:iproute2 bridge:iproute2 nsenter:util-linux socat:socat zstd:zstd lz4:lz4 xz:xz-utils
	depmod:kmod tcpdump:tcpdump pgrep:procps'

install_host_tools() {
	local tool missing=()
	for tool in $HOST_TOOLS; do
		command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
	done
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	apt_quiet update
	DEBIAN_FRONTEND=noninteractive apt_quiet install -y --no-install-recommends "${missing[@]}"
}

# apt-get, whose output only matters when it fails.
apt_quiet() {
	local out
	out=$(apt-get -q -o DPkg::Lock::Timeout=300 "$@" 2>&1) || {
		printf '%s\n' "$out" >&2
		die "apt-get $1 failed"
	}
}

# debian_sources: the machine's own entries for Debian's suites; what it has from third parties stays
# out of the image.
debian_sources() {
	# shellcheck disable=SC2016 # apt's own place holders
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$2 ~ /^(bookworm|bookworm-updates|bookworm-security|oldstable|oldstable-updates|oldstable-security)$/ &&
			$3 == "main" && !seen[$1 $2]++ {
			print "deb", $1, $2, $3 }'
}

build_image() {
	local dir key tmp started=$SECONDS k
	key=$(image_key)
	dir=$CACHE/image-$key
	if [ -e "$dir/complete" ]; then
		touch "$dir"
		return 0
	fi
	[ "$(id -u)" = 0 ] || die "build needs root (mmdebstrap, apt)"
	mkdir -p "$CACHE"
	exec {build_lock}>"$CACHE/build.lock"
	flock "$build_lock"
	[ -e "$dir/complete" ] && return 0
	install_host_tools
	rm -rf "$CACHE"/tmp-*
	tmp=$CACHE/tmp-$key
	mkdir -p "$tmp/kernels"

	debian_sources >"$tmp/sources.list"
	if [ ! -s "$tmp/sources.list" ]; then
		apt_quiet update
		debian_sources >"$tmp/sources.list"
	fi
	[ -s "$tmp/sources.list" ] || die "apt knows no Debian 12 (bookworm) source; see apt-get indextargets"

	say "building the guests' image ($key)"
	bootstrap "$tmp" || die "mmdebstrap failed, see $tmp/mmdebstrap.log"
	kernels "$tmp"
	customize "$tmp/rootfs"
	for k in $KERNELS; do initramfs "$tmp" "$k"; done
	rm -rf "$tmp/rootfs/debs"
	mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -O ^metadata_csum,^resize_inode \
		-m 0 -L lab -d "$tmp/rootfs" "$tmp/root.img" 6G >/dev/null
	rm -rf "$tmp/rootfs" "$tmp/kernels"
	: >"$tmp/complete"
	rm -rf "$dir"
	mv "$tmp" "$dir"
	prune_images
	exec {build_lock}>&-
	say "image built in $((SECONDS - started)) s: $dir"
}

# Keep the three images used last and those of running labs.
prune_images() {
	local f used='' i
	for f in /proc/[0-9]*/cmdline; do
		grep -q -a '^gracekeeper-lab:' "$f" 2>/dev/null || continue
		used+=" $(cat "${f%/cmdline}/root$L/image" 2>/dev/null || :) "
	done
	# shellcheck disable=SC2012 # our own plain names
	ls -dt "$CACHE"/image-* | tail -n +4 | while read -r i; do
		[[ $used == *" $i "* ]] || rm -rf "$i"
	done
}

bootstrap() { # TMP
	local packages
	packages=$(sed 's/#.*//' "$LAB_DIR/guest/packages" | tr -s ' \n' ',,' | sed 's/^,//; s/,$//')
	# No documentation and translations: half the files.
	# shellcheck disable=SC2016 # expanded by mmdebstrap's shell
	mmdebstrap --mode=root --variant=minbase --format=directory \
		--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='force-unsafe-io' \
		--include="$packages" \
		--extract-hook='mkdir -p "$1/usr/share/man/man1"' \
		--customize-hook="$LAB_DIR/lib/fetch-hook" \
		bookworm "$1/rootfs" - <"$1/sources.list" >"$1/mmdebstrap.log" 2>&1
}

kernels() { # TMP: modules of both into the image, uncompressed kernels beside it
	local deb k v x
	for k in $KERNELS; do
		deb=$(echo "$1"/rootfs/debs/linux-image-"$k".*-cloud-amd64_*.deb)
		[ -f "$deb" ] || die "no kernel $k among the packages: $(ls "$1/rootfs/debs")"
		x=$1/kernels/$k
		dpkg -x "$deb" "$x"
		v=$(basename "$x"/boot/vmlinuz-*)
		v=${v#vmlinuz-}
		echo "$v" >"$1/release-$k"
		# Decompressing here, once, saves an emulated CPU seconds at each boot.
		find "$x/lib/modules" -name '*.ko.xz' -exec xz -d -T0 {} +
		mkdir -p "$1/rootfs/lib/modules"
		mv "$x/lib/modules/$v" "$1/rootfs/lib/modules/"
		depmod -b "$1/rootfs" "$v"
		extract_vmlinux "$x/boot/vmlinuz-$v" >"$1/vmlinux-$k" || cp "$x/boot/vmlinuz-$v" "$1/vmlinux-$k"
	done
}

# extract_vmlinux BZIMAGE: the ELF kernel inside. QEMU boots that directly (PVH), without the
# BIOS and without decompressing in an emulated CPU.
extract_vmlinux() {
	local at how magic
	for how in 'zstd:zstd -dcq' 'lz4:lz4 -dcq'; do
		case $how in
		zstd:*) magic='\x28\xb5\x2f\xfd' ;;
		lz4:*) magic='\x02\x21\x4c\x18' ;;
		esac
		while IFS=: read -r at _; do
			# Bytes follow the compressed stream: the tool complains, the output is whole.
			tail -c +$((at + 1)) "$1" | ${how#*:} >"$1.elf" 2>/dev/null || :
			if [ "$(head -c 4 "$1.elf" | tail -c 3)" = ELF ] && [ "$(stat -c %s "$1.elf")" -gt 10000000 ]; then
				cat "$1.elf"
				return 0
			fi
		done < <(LC_ALL=C grep -aboP "$magic" "$1")
	done
	return 1
}

customize() { # ROOTFS
	local r=$1 u tmp
	tmp=$(dirname "$r")
	dpkg -x "$tmp"/rootfs/debs/fence-agents_*.deb "$tmp/kernels/fence"
	cp -a "$tmp/kernels/fence/usr/sbin/fence_ipmilan" "$tmp/kernels/fence/usr/sbin/fence_ipmilanplus" "$r/usr/sbin/"
	mkdir -p "$r/usr/share/fence"
	cp -a "$tmp"/kernels/fence/usr/share/fence/*.py "$r/usr/share/fence/"
	chroot "$r" python3 -m compileall -q /usr/share/fence
	cp -a "$LAB_DIR/guest/files/." "$r/"

	# The keys of this image's guests. They protect nothing: the guests' network ends in the lab.
	mkdir -p "$tmp/ssh" "$r/root/.ssh"
	rm -f "$r"/etc/ssh/ssh_host_*
	ssh-keygen -q -t ed25519 -N '' -C lab -f "$tmp/ssh/id"
	ssh-keygen -q -t ed25519 -N '' -C lab -f "$r/etc/ssh/ssh_host_ed25519_key"
	cp "$tmp/ssh/id.pub" "$r/root/.ssh/authorized_keys"
	chmod 700 "$r/root/.ssh"
	chmod 600 "$r/root/.ssh/authorized_keys"
	echo "* $(cat "$r/etc/ssh/ssh_host_ed25519_key.pub")" >"$tmp/ssh/known_hosts"
	# A corosync key that is one per image is as good as one per lab.
	head -c 128 /dev/urandom >"$r/etc/corosync/authkey"
	chmod 400 "$r/etc/corosync/authkey"
	rm -f "$r/etc/corosync/corosync.conf" "$r/etc/machine-id" "$r/var/lib/dbus/machine-id"

	for u in getty.target getty@tty1.service serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
		dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer logrotate.timer \
		systemd-tmpfiles-clean.timer systemd-timesyncd.service systemd-networkd.service systemd-networkd.socket \
		systemd-networkd-wait-online.service systemd-pstore.service nfs-blkmap.service networking.service \
		systemd-resolved.service systemd-random-seed.service systemd-update-utmp.service \
		systemd-update-utmp-runlevel.service systemd-hwdb-update.service ldconfig.service \
		systemd-journal-flush.service systemd-machine-id-commit.service systemd-binfmt.service \
		dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		modprobe@drm.service modprobe@dm_mod.service modprobe@loop.service modprobe@efi_pstore.service \
		modprobe@configfs.service modprobe@fuse.service \
		kmod-static-nodes.service systemd-modules-load.service systemd-sysusers.service sys-fs-fuse-connections.mount \
		proc-sys-fs-binfmt_misc.automount systemd-logind.service systemd-tmpfiles-setup-dev.service \
		systemd-initctl.socket systemd-journald-audit.socket systemd-user-sessions.service \
		logd.service openipmi.service ipmievd.service systemd-ask-password-wall.path systemd-ask-password-console.path; do
		ln -sfn /dev/null "$r/etc/systemd/system/$u"
	done
	# A node runs no NFS service of its own: rpcbind and nfsd are started by who wants them.
	# Clients get rpcbind by its socket and statd by mount.nfs.
	chroot "$r" systemctl -q disable nfs-server.service nfs-client.target rpc-statd-notify.service \
		nfs-kernel-server.service nfs-common.service rpcbind.service rpcbind.socket 2>/dev/null || :
	chroot "$r" systemctl -q enable ssh.service corosync.service pacemaker.service
	chroot "$r" systemctl -q set-default multi-user.target
	# Sets read-ahead of NFS mounts by a program that it starts for every block device.
	ln -sf /dev/null "$r/etc/udev/rules.d/99-nfs.rules"
	: >"$r/etc/fstab" # the initramfs has mounted the root file system as it shall be
	mkdir -p "$r/etc/systemd/system-generators"
	for u in bless-boot cryptsetup debug getty gpt-auto hibernate-resume integritysetup rc-local run system-update \
		sysv veritysetup; do
		ln -sfn /dev/null "$r/etc/systemd/system-generators/systemd-$u-generator"
	done
	rm -rf "$r"/var/cache/apt/* "$r"/var/lib/apt/lists/* "$r"/tmp/* "$r"/var/log/*.log
}

initramfs() { # TMP KERNEL
	local d=$1/kernels/initramfs-$2 v m
	v=$(cat "$1/release-$2")
	mkdir -p "$d"/{bin,lib,proc,sys,dev,root}
	cp "$(command -v busybox)" "$d/bin/busybox"
	for m in sh mount umount insmod cat poweroff usleep cp chroot chown hostname ip switch_root dmesg grep nc; do
		ln -s busybox "$d/bin/$m"
	done
	install -m 755 "$LAB_DIR/guest/init" "$d/init"
	for m in virtio_pci virtio_blk virtio_net ext4 virtio_rng; do
		modprobe -d "$1/rootfs" -S "$v" --show-depends "$m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r m; do
		cp "$m" "$d/lib/"
		basename "$m"
	done >"$d/modules"
	(cd "$d" && find . | busybox cpio -o -H newc 2>/dev/null) >"$1/initrd-$2"
}
