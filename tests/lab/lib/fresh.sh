# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# The image of `lab up --fresh`: a Debian 12 server as it is before anything of a cluster or of NFS is installed, and a
# repository with what is to be installed. Kernels and keys are those of the other image.

HOST_TOOLS+=' apt-ftparchive:apt-utils debugfs:e2fsprogs'

fresh_key() { (cd "$LAB_DIR" && image_key && cat lib/fresh.sh fresh/*) | sha256sum | cut -c1-16; }
fresh_dir() { echo "$CACHE/fresh-$(fresh_key)"; }

build_fresh() {
	local dir image tmp started=$SECONDS
	build_image
	dir=$(fresh_dir)
	[ ! -e "$dir/complete" ] || return 0
	exec {fresh_lock}>"$CACHE/fresh.lock"
	flock "$fresh_lock"
	[ ! -e "$dir/complete" ] || return 0
	install_host_tools
	image=$(image_dir)
	tmp=$CACHE/new-fresh
	rm -rf "$tmp"
	mkdir -p "$tmp/repository"
	debian_sources >"$tmp/sources.list"
	say "building the image of fresh guests and their repository"
	fresh_system "$tmp" || die "mmdebstrap failed, see $tmp/mmdebstrap.log"
	repository "$tmp/repository" || die "no repository of what is in $tmp/repository"
	fresh_guest "$tmp/rootfs" "$image"
	mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -O ^metadata_csum,^resize_inode \
		-m 0 -L lab -d "$tmp/rootfs" "$tmp/root.img" 6G >/dev/null
	rm -rf "$tmp/rootfs"
	cp -al "$image"/vmlinux-* "$image"/initrd-* "$image"/release-* "$image/ssh" "$tmp/"
	: >"$tmp/complete"
	mv "$tmp" "$dir"
	# Keep the two built last.
	# shellcheck disable=SC2012 # our own plain names
	ls -dt "$CACHE"/fresh-* | tail -n +3 | xargs -r rm -rf
	exec {fresh_lock}>&-
	say "image of fresh guests built in $((SECONDS - started)) s: $dir"
}

package_list() { sed 's/#.*//' "$LAB_DIR/fresh/$1" | tr -s ' \n' "$2$2" | sed "s/^$2//; s/$2\$//"; } # FILE SEPARATOR

# The packages that are to be installed, with all that apt-get would draw in, are fetched by the new system itself.
fresh_system() { # TMP
	# shellcheck disable=SC2016 # expanded by mmdebstrap's shell
	INSTALL=$(package_list repository ' ') mmdebstrap --mode=root --variant=minbase --format=directory \
		--aptopt='Acquire::Languages "none"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='force-unsafe-io' \
		--include="$(package_list system ,)" \
		--extract-hook='mkdir -p "$1/usr/share/man/man1"' \
		--customize-hook='chroot "$1" apt-get -q -y --download-only install $INSTALL &&
			mv "$1"/var/cache/apt/archives/*.deb "${1%/*}/repository/"' \
		bookworm "$1/rootfs" - <"$1/sources.list" >"$1/mmdebstrap.log" 2>&1
}

repository() { # DIRECTORY: of packages, for apt
	(cd "$1" && apt-ftparchive -q packages . >Packages && apt-ftparchive -q release . >Release)
}

fresh_guest() { # ROOTFS IMAGE
	local r=$1 u
	debugfs -R "rdump /lib/modules $r/usr/lib" "$2/root.img" 2>/dev/null
	mkdir -p "$r/root/.ssh"
	cp "$2/ssh/id.pub" "$r/root/.ssh/authorized_keys"
	chmod 700 "$r/root/.ssh"
	rm -f "$r"/etc/ssh/ssh_host_* "$r/etc/machine-id"
	debugfs -R "dump -p /etc/ssh/ssh_host_ed25519_key $r/etc/ssh/ssh_host_ed25519_key" "$2/root.img" 2>/dev/null
	cp -a "$LAB_DIR/guest/files/etc/ssh/." "$r/etc/ssh/"
	echo 'deb [trusted=yes] http://192.168.77.1/ ./' >"$r/etc/apt/sources.list"
	rm -rf "$r"/var/lib/apt/lists/* "$r"/var/cache/apt/*.bin
	: >"$r/etc/fstab" # the initramfs has mounted the root file system as it shall be
	# What would run at times of its own, and terminals that nobody sits at.
	for u in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
		getty@tty1.service serial-getty@ttyS0.service; do
		ln -sfn /dev/null "$r/etc/systemd/system/$u"
	done
}
