#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# deps.sh - install the Debian 12 packages raclette needs. Asks dpkg first: with nothing missing it
# takes no time, no network and no privileges.
#   deps.sh [--build] [--demo] [--test] [--perf]   only these groups; without an option all of them
set -euo pipefail

# build: compile and run; demo: what scripts/demo.sh also calls; test: what scripts/test.sh also calls;
# perf: what perf/ also calls
BUILD="meson ninja-build pkg-config gcc libc6-dev libdpdk-dev libipsec-mb-dev libssl-dev libmnl-dev libcmocka-dev
 libpcap-dev libnuma-dev ca-certificates"
DEMO="iproute2 iputils-ping iperf3 tcpdump ethtool procps python3 util-linux"
TEST="$DEMO clang llvm libclang-rt-14-dev clang-format tshark python3-scapy python3-cryptography
 qemu-system-x86 busybox-static dash cpio xz-utils binutils strongswan-swanctl"
PERF="$DEMO dpkg-dev gnuplot-nox python3-scapy"

usage() { sed -n '3,6s/^# \{0,1\}//p' "$0"; }

want=
for a in "$@"; do
	case $a in
	--build) want+=" $BUILD" ;;
	--demo) want+=" $DEMO" ;;
	--test) want+=" $TEST" ;;
	--perf) want+=" $PERF" ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
[ -n "$want" ] || want="$BUILD $TEST $PERF"

missing=()
for p in $(printf '%s\n' $want | sort -u); do
	s=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
	[ "$s" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} = 0 ]; then
	echo "deps: nothing missing"
	exit 0
fi

echo "deps: installing ${missing[*]}"
[ "$(id -u)" = 0 ] || { echo "deps: must be root to install packages" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive

# strongswan-swanctl is wanted as a client; whatever comes with it must not start here
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
apt_install() { apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"; }
log=$(mktemp)
if ! { apt-get -q update && apt_install; } >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	echo "deps: apt-get failed, the whole log is in $log" >&2
	exit 1
fi
rm -f "$log"
echo "deps: done"
