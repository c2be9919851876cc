#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# peer_secgw.sh - DPDK's example ipsec-secgw, from Debian's source package of the libdpdk that is installed,
# built once and kept in /var/cache/raclette-perf. Prints the path of the program, and nothing else, on stdout.
#   peer_secgw.sh [--force]     --force builds it again
# The source comes through apt with lists and sources of its own (the mirror and the keyring that the host's
# sources name), so apt checks its signature and the host's apt does not notice.
# One line is changed: the example insists on ports that check IP, UDP and TCP checksums, which net_pcap does
# not do. Nothing looks at what such a port would say.
set -euo pipefail
CACHE=${RACLETTE_PERF_CACHE:-/var/cache/raclette-perf}

usage() { sed -n '3,9s/^# \{0,1\}//p' "$0"; }
die() { echo "peer_secgw: $*" >&2; exit 1; }

force=0
case ${1:-} in
'') ;;
--force) force=1 ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac
# shellcheck disable=SC2016 # dpkg-query's own variables
version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev 2>/dev/null) || die "libdpdk-dev is not installed"
dir=$CACHE/dpdk-$version
prog=$dir/ipsec-secgw
[ $force = 1 ] || [ ! -x "$prog" ] || { echo "$prog"; exit 0; }
mkdir -p "$dir" 2>/dev/null || die "$dir cannot be made: root is needed"
work=$(mktemp -d "$dir/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

# deb_src: lines for the Debian mirrors of the host's sources, one-line and deb822 style
deb_src() {
	local f
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -e "$f" ] || sed -nE 's,^deb(-src)?[[:space:]]+(.*/debian(-security)?/?[[:space:]].*)$,deb-src \2,p' "$f"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$f" ] || awk -v RS= '
			{
				uri = suites = comp = key = ""
				n = split($0, line, "\n")
				for (i = 1; i <= n; i++) {
					value = line[i]
					sub(/^[^:]*:[ \t]*/, "", value)
					if (line[i] ~ /^URIs:/) uri = value
					if (line[i] ~ /^Suites:/) suites = value
					if (line[i] ~ /^Components:/) comp = value
					if (line[i] ~ /^Signed-By:/) key = value
				}
				if (uri !~ /\/debian(-security)?\/?$/) next
				n = split(suites, suite, " ")
				for (i = 1; i <= n; i++)
					printf "deb-src %s%s %s %s\n", key ~ /^\// ? "[signed-by=" key "] " : "", uri, suite[i], comp
			}' "$f"
	done
}

build() {
	deb_src | sort -u >"$work/sources.list"
	[ -s "$work/sources.list" ] || { echo "no Debian mirror in /etc/apt"; return 1; }
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
	local apt=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
	cd "$work"
	apt-get "${apt[@]}" update || true # another repository's trouble is not ours
	apt-get "${apt[@]}" source --download-only "dpdk=$version"
	tar -xf dpdk_*.orig.tar.* --wildcards '*/examples/ipsec-secgw/*' '*/examples/common/*'
	cd dpdk-*/examples/ipsec-secgw
	sed -i '/^static struct rte_eth_conf port_conf/,/^};/s/\.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM,/.offloads = 0,/' ipsec-secgw.c
	[ "$(grep -c RTE_ETH_RX_OFFLOAD_CHECKSUM ipsec-secgw.c)" = 0 ] || { echo "port_conf looks different"; return 1; }
	make shared
	install -m 755 build/ipsec-secgw-shared "$prog.new"
	mv "$prog.new" "$prog"
}

# in the background: errexit is off in what stands before ||
build >"$dir/build.log" 2>&1 &
wait $! || { tail -n 20 "$dir/build.log" >&2; die "see $dir/build.log"; }
echo "$prog"
