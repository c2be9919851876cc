#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# mkpeer.sh - make the test peer: Debian's cloud kernel and one initramfs with busybox, the kernel's
# XFRM and ip6gre, iproute2, strongSwan and a command agent. Nothing is installed on this host.
# Prints the folder that holds them (vmlinuz, peer.cpio). It is named after the package versions and
# this script's own contents, so a second run finds what the first made.
#   mkpeer.sh [SUITE [PACKAGE...]]
#     SUITE     a release of Debian, such as trixie, that all of it is of; there is a folder libs then with its libcrypto and
#               libc, for a program of the host that is to use them. Not given: Debian's strongSwan, tools of the host
#     PACKAGE   what else the machine is to have the programs of
#     RACLETTE_CACHE moves the cache, default /var/cache/raclette-interop
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${RACLETTE_CACHE:-/var/cache/raclette-interop}

SUITE=${1:-}
MORE=${*:2}

# fetched, not installed: a strongSwan of one version, whatever the host has of it
FETCH="strongswan-charon strongswan-libcharon strongswan-swanctl libstrongswan
 libstrongswan-standard-plugins libcharon-extra-plugins"
# copied from the host, which has them by scripts/deps.sh; dash, as busybox's sh prefers its own ip and ping
TOOLS="busybox dash ip tc ss ping iperf3 tcpdump ethtool"
TOOL_DEBS="busybox dash iproute2 iputils-ping iperf3 tcpdump ethtool" # what they are in, for another release
# later strongSwans leave some of these to OpenSSL
PLUGINS="random nonce drbg openssl aes sha1 sha2 hmac kdf gcm gmp mgf1 pem pkcs1 pkcs8 x509 pubkey
 constraints revocation kernel-netlink socket-default vici updown counters"
# drbg and jitterentropy_rng (which wants sha3): without them the kernel refuses every ESP SA that makes IVs
LOAD="virtio_pci virtio_net virtio_console virtio_rng af_packet xfrm_user esp6 ip6_gre
 cbc ctr gcm authenc seqiv echainiv sha1_generic sha256_generic sha512_generic hmac
 aes_generic aesni_intel ghash_generic sha3_generic jitterentropy_rng drbg"
# loaded by the guest's kernel when asked for
LAZY="chacha20poly1305 chacha chacha_generic poly1305_generic authencesn crypto_null ghash_clmulni_intel
 sch_netem tun ip6_tunnel xfrm6_tunnel dummy udp_tunnel veth vhost_net af_key"
# what libnss3 and, in a folder, OpenSSL load themselves
DLOPEN="libsoftokn3.so libfreebl3.so libfreeblpriv3.so"
MODULES=usr/lib/x86_64-linux-gnu/ossl-modules

say() { echo "mkpeer: $*" >&2; }
candidate() { apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/{print $2}'; }

# a release's package lists in a folder of their own, as fresh as a day; what is installed here does not count there
use_suite() {
	local a=$CACHE/apt-$SUITE mirror
	mirror=$(apt-get indextargets --format '$(SITE)' 'Label: Debian' | head -n 1)
	mkdir -p "$a"/{lists/partial,parts}
	: >"$a/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $SUITE main" >"$a/sources"
	cat >"$a/conf" <<-C
		Dir::State::lists "$a/lists";
		Dir::State::status "$a/status";
		Dir::Etc::sourcelist "$a/sources";
		Dir::Etc::sourceparts "$a/parts";
		Dir::Etc::preferencesparts "$a/parts";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
	C
	touch "$a"
	export APT_CONFIG=$a/conf
	[ -n "$(find "$a/updated" -mtime -1 2>/dev/null)" ] || { apt-get -q update >&2 && touch "$a/updated"; }
}

# fetch FOLDER: the packages, and for another release all that they depend on
fetch() {
	cd "$1"
	apt-get -q download $KERNEL $FETCH || { apt-get -q update && apt-get -q download $KERNEL $FETCH; } || return
	[ -n "$SUITE" ] || return 0
	mkdir -p "$1/partial"
	local set
	for set in "$FETCH $TOOL_DEBS" $MORE; do # each IKE daemon conflicts with the others
		apt-get -q -y --no-install-recommends --download-only -o Dir::Cache::archives="$1" install $set || return
	done
}

tool() { # NAME: its path
	if [ -z "$SUITE" ]; then
		command -v "$1"
	else
		find "$X/usr/bin" "$X/usr/sbin" -maxdepth 1 -name "$1" | head -n 1
	fi
}

# libraries FILE...: paths of what they are linked with
libraries() {
	local f rc loader=/lib64/ld-linux-x86-64.so.2 dirs=$X/usr/lib/ipsec
	[ -z "$SUITE" ] || loader=$X/usr$loader dirs+=:$X/usr/lib/x86_64-linux-gnu
	echo "$loader"
	for f in "$@"; do
		rc=0
		"$loader" --verify "$f" >/dev/null 2>&1 || rc=$?
		# 0: a program, 2: a library; what is static crashes the next line
		[ $rc != 0 ] && [ $rc != 2 ] || "$loader" ${SUITE:+--inhibit-cache} --library-path "$dirs" --list "$f"
	done |
		awk '$2 == "=>" && $1 !~ /\/ld-linux/ && $3 ~ /^\// {print $3}' | sort -u
}

depends() { apt-cache depends "$1" 2>/dev/null | awk -v p="$2" '$1 == "Depends:" && $2 ~ p {print $2}'; }
kernel_packages() { # one; since Linux 7 it only names those that hold it
	local image
	image=$(depends linux-image-cloud-amd64 ^linux-image-)
	echo $image $(depends "$image" '^linux-(base|binary|modules)-[0-9]')
}

mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9 # two runs at once: the second finds the first one's
[ -z "$SUITE" ] || use_suite
KERNEL=$(kernel_packages)
if [ -z "$KERNEL" ]; then
	apt-get -q update >&2
	KERNEL=$(kernel_packages)
fi
[ -n "$KERNEL" ] || { say "no linux-image-cloud-amd64 in the package lists"; exit 1; }
key=$({
	for p in $KERNEL $FETCH; do echo "$p $(candidate "$p")"; done
	if [ -z "$SUITE" ]; then
		for t in $TOOLS; do sha256sum <"$(tool "$t")"; done
	else
		for p in $TOOL_DEBS $MORE libc6 libssl3 libssl3t64; do echo "$p $(candidate "$p")"; done
	fi
	cat "$0" "$HERE"/guest/*
} | sha256sum | cut -c1-16)
OUT=$CACHE/$key
if [ -e "$OUT/peer.cpio" ]; then
	touch "$OUT" # in use: see the last lines
	echo "$OUT"
	exit 0
fi
W=$(mktemp -d "$CACHE/tmp.XXXXXX")
trap 'rm -rf "$W"' EXIT
X=$W/x S=$W/stage
mkdir -p "$W/debs" "$X" "$S"
chmod 755 "$W"

say "fetching ${KERNEL%% *} and strongSwan $(candidate libstrongswan)"
(fetch "$W/debs") >"$W/apt.log" 2>&1 || { tail -n 20 "$W/apt.log" >&2; exit 1; }
for d in bin sbin lib lib64; do # as releases have it since 13
	mkdir -p "$X/usr/$d"
	ln -s "usr/$d" "$X/$d"
done
for d in "$W"/debs/*.deb; do dpkg --fsys-tarfile "$d" | tar -x --keep-directory-symlink -C "$X"; done
KV=$(ls "$X/lib/modules")
find "$X/lib/modules/" -name '*.ko.xz' -exec xz -d {} +

# --- programs and their libraries
mkdir -p "$S"/{bin,sbin,proc,sys,dev,run,tmp,root,peer,etc/swanctl,etc/strongswan.d,var/log,lib64,usr/lib/ipsec/plugins,usr/libexec,lib/modules/$KV}
for d in x509 x509ca x509crl x509ocsp x509aa x509ac pubkey private rsa ecdsa pkcs8 pkcs12 bliss conf.d; do
	mkdir "$S/etc/swanctl/$d"
done
ln -s ../run "$S/var/run"
ln -s ../bin "$S/usr/bin"
ln -s ../sbin "$S/usr/sbin"
for t in $TOOLS; do cp -L "$(tool "$t")" "$S/bin/"; done
cp "$X/usr/lib/ipsec/charon" "$X/usr/sbin/swanctl" "$S/bin/"
for p in $PLUGINS; do
	[ ! -e "$X/usr/lib/ipsec/plugins/libstrongswan-$p.so" ] || cp "$X/usr/lib/ipsec/plugins/libstrongswan-$p.so" "$S/usr/lib/ipsec/plugins/"
done
for p in $MORE; do
	dpkg -x "$W/debs/$p"_*.deb "$W/more"
	for d in bin sbin libexec; do [ ! -d "$W/more/usr/$d" ] || cp -r "$W/more/usr/$d/." "$S/usr/$d/"; done
done
if [ -n "$MORE" ]; then
	for l in $DLOPEN; do find "$X/usr/lib" -name "$l" -exec cp {} "$S/usr/lib/" \;; done
	mkdir -p "$S/$MODULES"
	cp "$X/$MODULES/"* "$S/$MODULES/"
fi
libraries "$S"/bin/* "$S"/sbin/* "$S"/usr/libexec/*/* "$S"/usr/lib/*.so "$S"/usr/lib/ipsec/plugins/* | while read -r l; do
	case $l in
	*/lib64/*) cp -L "$l" "$S/lib64/" ;;
	*) cp -L "$l" "$S/usr/lib/" ;;
	esac
done
cp -L "${SUITE:+$X/usr}/lib/x86_64-linux-gnu/libgcc_s.so.1" "$S/usr/lib/" # by name, at the end of a thread
find "$S/bin" "$S/usr/lib" -type f ! -name busybox -exec strip --strip-unneeded {} + 2>/dev/null || true
printf '/usr/lib\n/usr/lib/ipsec\n' >"$S/etc/ld.so.conf"
ldconfig -r "$S"

# --- kernel modules with what they depend on
K=$X/lib/modules/$KV D=$S/lib/modules/$KV
cp "$K/modules.builtin" "$K/modules.order" "$D/"
busybox depmod -n -b "$X" "$KV" 2>/dev/null | sed -n 's/^\(kernel\/.*\.ko\):/\1/p' >"$W/dep"
copied=" "
add_module() { # PATH: it and what it needs
	local m
	[[ $copied != *" $1 "* ]] || return 0
	copied+="$1 "
	install -D -m 644 "$K/$1" "$D/$1"
	for m in $(awk -v p="$1" '$1 == p {$1 = ""; print}' "$W/dep"); do add_module "$m"; done
}
module_path() { awk -v n="$1" '{f = $1; sub(/.*\//, "", f); gsub(/-/, "_", f)} f == n ".ko" {print $1; exit}' "$W/dep"; }
for m in $LOAD $LAZY; do
	p=$(module_path "$m")
	if [ -n "$p" ]; then
		add_module "$p"
	elif ! grep -q "/${m//_/[-_]}\.ko" "$K/modules.builtin"; then
		say "no module $m in this kernel"
	fi
done
for m in $LOAD; do [ -z "$(module_path "$m")" ] || echo "$m"; done >"$D/load.order"
busybox depmod -b "$S" "$KV"

# --- configuration and the guest's own scripts
install -m 755 "$HERE/guest/init" "$S/init"
install -m 755 "$HERE/guest/agent" "$S/sbin/agent"
install -m 755 "$HERE/guest/charon-start" "$HERE/guest/charon-stop" "$S/bin/"
install -m 644 "$HERE/guest/strongswan.conf" "$S/etc/strongswan.conf"
touch "$S/etc/strongswan.d/none.conf"
echo 'root:x:0:0:root:/root:/bin/sh' >"$S/etc/passwd"
echo 'root:x:0:' >"$S/etc/group"
printf 'icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\ngre 47 GRE\nesp 50 ESP\nipv6-icmp 58 IPv6-ICMP\n' >"$S/etc/protocols"
printf 'hosts: files\nprotocols: files\npasswd: files\ngroup: files\n' >"$S/etc/nsswitch.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$S/etc/hosts"
ln -s dash "$S/bin/sh"
for a in $("$S"/lib64/ld-linux-x86-64.so.2 --inhibit-cache --library-path "$S/usr/lib" "$S/bin/busybox" --list); do [ -e "$S/bin/$a" ] || ln -s busybox "$S/bin/$a"; done
ln -s ../bin/busybox "$S/sbin/modprobe"

mkdir "$W/out"
if [ -n "$SUITE" ]; then
	mkdir "$W/out/libs"
	cp -L "$S"/lib64/* "$W/out/libs/"
	for l in libc libm libcrypto libz libzstd; do cp -L "$S/usr/lib/$l".so.* "$W/out/libs/" 2>/dev/null || say "no $l in $SUITE"; done
fi
(cd "$S" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc --owner 0:0) >"$W/out/peer.cpio"
find "$X" -name 'vmlinuz*' -type f -exec cp {} "$W/out/vmlinuz" \;
dpkg-deb -f "$W"/debs/strongswan-charon_*.deb Version >"$W/out/version"
chmod 755 "$W/out"
mv "$W/out" "$OUT"
# what was not used for a month
find "$CACHE" -mindepth 1 -maxdepth 1 -type d ! -name "$key" ! -path "$W" -mtime +30 -exec rm -rf {} +
say "made $OUT: kernel $KV, strongSwan $(cat "$OUT/version"), $(du -sh "$OUT" | cut -f1)"
echo "$OUT"
