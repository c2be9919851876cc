#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# mkpeer.sh - make the test peer: Debian's cloud kernel and one initramfs with busybox, the kernel's
# XFRM and ip6gre, iproute2, strongSwan and a command agent. Nothing is installed on this host.
# Prints the folder that holds them (vmlinuz, peer.cpio). It is named after the package versions and
# this script's own contents, so a second run finds what the first made.
#   mkpeer.sh           RACLETTE_CACHE moves the cache, default /var/cache/raclette-interop
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${RACLETTE_CACHE:-/var/cache/raclette-interop}

# fetched, not installed: a strongSwan of one version, whatever the host has of it
FETCH="strongswan-charon strongswan-libcharon strongswan-swanctl libstrongswan
 libstrongswan-standard-plugins libcharon-extra-plugins"
# copied from the host, which has them by scripts/deps.sh; dash, as busybox's sh prefers its own ip and ping
TOOLS="busybox dash ip tc ss ping iperf3 tcpdump ethtool"
PLUGINS="random nonce drbg openssl aes sha1 sha2 hmac kdf gcm gmp mgf1 pem pkcs1 pkcs8 x509 pubkey
 constraints revocation kernel-netlink socket-default vici updown counters"
# drbg and jitterentropy_rng (which wants sha3): without them the kernel refuses every ESP SA that makes IVs
LOAD="virtio_pci virtio_net virtio_console virtio_rng af_packet xfrm_user esp6 ip6_gre
 cbc ctr gcm authenc seqiv echainiv sha1_generic sha256_generic sha512_generic hmac
 aes_generic aesni_intel ghash_generic sha3_generic jitterentropy_rng drbg"
# loaded by the guest's kernel when asked for
LAZY="chacha20poly1305 chacha_generic poly1305_generic authencesn crypto_null ghash_clmulni_intel
 sch_netem tun ip6_tunnel xfrm6_tunnel dummy udp_tunnel veth vhost_net"

say() { echo "mkpeer: $*" >&2; }
candidate() { apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/{print $2}'; }

kernel_package() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/{print $2; exit}'
}

KERNEL=$(kernel_package)
if [ -z "$KERNEL" ]; then
	apt-get -q update >&2
	KERNEL=$(kernel_package)
fi
[ -n "$KERNEL" ] || { say "no linux-image-cloud-amd64 in the package lists"; exit 1; }
key=$({
	for p in $KERNEL $FETCH; do echo "$p $(candidate "$p")"; done
	for t in $TOOLS; do sha256sum <"$(command -v "$t")"; done
	cat "$0" "$HERE"/guest/*
} | sha256sum | cut -c1-16)
OUT=$CACHE/$key
if [ -e "$OUT/peer.cpio" ]; then
	echo "$OUT"
	exit 0
fi

mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9 # two runs at once: the second finds the first one's
[ ! -e "$OUT/peer.cpio" ] || { echo "$OUT"; exit 0; }
W=$(mktemp -d "$CACHE/tmp.XXXXXX")
trap 'rm -rf "$W"' EXIT
X=$W/x S=$W/stage
mkdir -p "$W/debs" "$X" "$S"
chmod 755 "$W"

say "fetching $KERNEL and strongSwan $(candidate libstrongswan)"
(cd "$W/debs" && { apt-get -q download "$KERNEL" $FETCH || { apt-get -q update && apt-get -q download "$KERNEL" $FETCH; }; }) \
	>"$W/apt.log" 2>&1 || { tail -n 20 "$W/apt.log" >&2; exit 1; }
for d in "$W"/debs/*.deb; do dpkg -x "$d" "$X"; done
KV=$(ls "$X/lib/modules")

# --- programs and their libraries
mkdir -p "$S"/{bin,sbin,proc,sys,dev,run,tmp,root,peer,etc/swanctl,etc/strongswan.d,var/log,lib64,usr/lib/ipsec/plugins,lib/modules/$KV}
for d in x509 x509ca x509crl x509ocsp x509aa x509ac pubkey private rsa ecdsa pkcs8 pkcs12 bliss conf.d; do
	mkdir "$S/etc/swanctl/$d"
done
ln -s ../run "$S/var/run"
ln -s ../bin "$S/usr/bin"
ln -s ../sbin "$S/usr/sbin"
for t in $TOOLS; do cp -L "$(command -v "$t")" "$S/bin/"; done
cp "$X/usr/lib/ipsec/charon" "$X/usr/sbin/swanctl" "$S/bin/"
for p in $PLUGINS; do cp "$X/usr/lib/ipsec/plugins/libstrongswan-$p.so" "$S/usr/lib/ipsec/plugins/"; done
export LD_LIBRARY_PATH=$X/usr/lib/ipsec
for e in "$S"/bin/* "$S"/usr/lib/ipsec/plugins/*; do ldd "$e" 2>/dev/null || true; done |
	awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\/lib64\// {print $1}' | sort -u |
	while read -r l; do
		case $l in
		/lib64/*) cp -L "$l" "$S/lib64/" ;;
		*) cp -L "$l" "$S/usr/lib/" ;;
		esac
	done
unset LD_LIBRARY_PATH
cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$S/usr/lib/" # by name, at the end of a thread
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
		say "this kernel has no module $m"
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
for a in $("$S/bin/busybox" --list); do [ -e "$S/bin/$a" ] || ln -s busybox "$S/bin/$a"; done
ln -s ../bin/busybox "$S/sbin/modprobe"

mkdir "$W/out"
(cd "$S" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc --owner 0:0) >"$W/out/peer.cpio"
cp "$X"/boot/vmlinuz-* "$W/out/vmlinuz"
dpkg-deb -f "$W"/debs/strongswan-charon_*.deb Version >"$W/out/version"
chmod 755 "$W/out"
mv "$W/out" "$OUT"
# what older versions left behind
find "$CACHE" -mindepth 1 -maxdepth 1 -type d ! -name "$key" ! -path "$W" -mtime +30 -exec rm -rf {} +
say "made $OUT: kernel $KV, strongSwan $(cat "$OUT/version"), $(du -sh "$OUT" | cut -f1)"
echo "$OUT"
