# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - what the demo and the smoke tests share: a lab of network namespaces, captures, gateways.
# To be sourced, from bash. Everything a lab makes is named after its process id, so that labs can
# run side by side, and goes away when the script ends, however it ends; only processes started here
# are stopped.
#
#   lab_init NAME                begin; NAME goes in front of every line of say
#   ns_add NS...                 namespaces, called A from here on though the kernel knows them as LAB-A
#   on NS COMMAND...             run a command in one
#   link_add NS IF NS IF [MTU]   a veth pair between two, without offloads and without IPv6 of its own
#   cap_start NS IF FILE [FILTER...] / cap_stop FILE
#   gw_start NS CONF [LOG] / gw_stop NS [SIGNAL] / gw_show NS WHAT...
#                                STARTS counts the first, ILL keeps how gateways ended that did not end well
#   wait_for SECONDS COMMAND...  until it succeeds
#   at_exit COMMAND              run when the script ends, last one first
set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=/usr/bin/python3 # not one of pyenv or the like, which lacks Debian's modules
: "${RACLETTE:=}"	# the program; unset = the newest of the usual build folders
declare -a AT_EXIT=()
declare -A PIDS=() CAPS=() GATEWAYS=() # which of PIDS are gateways: others may end as they like
declare -a ILL=()
STARTS=0

say() { printf '%s: %s\n' "$PROG" "$*"; }
die() { printf '%s: %s\n' "$PROG" "$*" >&2; exit 1; }
at_exit() { AT_EXIT+=("$1"); }

lab_exit() {
	local rc=$? i
	trap '' INT TERM HUP
	trap - EXIT ERR
	set +e
	for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do eval "${AT_EXIT[i]}"; done
	exit $rc
}

lab_init() {
	PROG=$1
	[ "$(id -u)" = 0 ] || die "must be root (network namespaces)"
	LAB=${LAB_NAME:-rac$$}
	LAB_DIR=$(mktemp -d "/tmp/$LAB.XXXXXX") # never one of the environment's: it is removed
	trap lab_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap 'printf "%s: %s:%s: \"%s\" failed\n" "$PROG" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2' ERR
	at_exit 'rm -rf "$LAB_DIR"'
}

# --- namespaces and links

ns_add() {
	local n
	for n in "$@"; do
		ip netns add "$LAB-$n"
		at_exit "ns_del $n"
		on "$n" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
		ip -n "$LAB-$n" link set lo up
	done
}
ns_del() {
	ip netns del "$LAB-$1" 2>/dev/null || true
}
on() {
	local n=$1
	shift
	ip netns exec "$LAB-$n" "$@"
}

# frames on the link are complete: no checksum or segment left for a device to do
link_raw() {
	local ns=$1 i=$2 mtu=${3:-1500}
	on "$ns" sysctl -qw "net.ipv6.conf.$i.disable_ipv6=1"
	on "$ns" ethtool -K "$i" tx off rx off tso off gso off gro off >/dev/null 2>&1
	ip -n "$LAB-$ns" link set "$i" mtu "$mtu" up
}
link_add() {
	local a=$1 ia=$2 b=$3 ib=$4 mtu=${5:-1500}
	ip link add "$ia" netns "$LAB-$a" type veth peer name "$ib" netns "$LAB-$b"
	link_raw "$a" "$ia" "$mtu"
	link_raw "$b" "$ib" "$mtu"
}
# a link of the kernel's own, with IPv6: where inner traffic would leak to
link_addr() {
	local ns=$1 i=$2
	shift 2
	on "$ns" sysctl -qw "net.ipv6.conf.$i.disable_ipv6=0"
	local a
	for a in "$@"; do ip -n "$LAB-$ns" addr add "$a" dev "$i"; done
}

# --- processes

wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
listens() { [ -n "$(on "$1" ss -Hltn "sport = $2")" ]; } # NS TCP-PORT
gone() { ! kill -0 "$1" 2>/dev/null; }
# stop_pid PID [SIGNAL]: a child of ours, and wait for it. ENDED is its exit status, "hung" if it had to be killed
stop_pid() {
	local hung=''
	ENDED=0
	kill -"${2:-TERM}" "$1" 2>/dev/null || true
	# what KILL ends is gone at once, and waited for here bash does not announce it
	if [ "${2:-TERM}" != KILL ] && ! wait_for "${STOP_SECONDS:-10}" gone "$1"; then
		hung=hung
		kill -KILL "$1" 2>/dev/null || true
	fi
	wait "$1" 2>/dev/null || ENDED=$?
	ENDED=${hung:-$ENDED}
}

# a place in tcpdump's ring is as large as -s says: the link's MTU and no more, so that 20 000 frames may wait for it
cap_start() {
	local ns=$1 i=$2 file=$3 mtu
	shift 3
	mtu=$(on "$ns" cat "/sys/class/net/$i/mtu")
	# not through on(): $! must be tcpdump itself
	ip netns exec "$LAB-$ns" tcpdump -n -i "$i" --immediate-mode -s $((mtu + 22)) -B 65536 -w "$file" "$@" 2>"$file.log" &
	CAPS[$file]=$!
	at_exit "cap_stop '$file'"
	wait_for 10 grep -q 'listening on' "$file.log" || die "tcpdump does not start: $(cat "$file.log")"
}
# tcpdump has nothing left to read: what is in its ring when it ends is lost and not counted
waits() { [ "$(cut -d ' ' -f 3 "/proc/$1/stat")" = S ]; }
cap_stop() {
	[ -n "${CAPS[$1]:-}" ] || return 0
	sleep 0.3 # what is in flight reaches the ring
	wait_for 10 waits "${CAPS[$1]}" || true
	stop_pid "${CAPS[$1]}"
	unset "CAPS[$1]"
}
# frames tcpdump had no room for, -1 when it did not say; a capture that lost some proves nothing
cap_lost() { awk '/dropped by/{n += $1; said = 1} END{print said ? n : -1}' "$1.log"; }

# --- gateways

gw_bin() {
	local b
	[ -n "$RACLETTE" ] || for b in build-release build-asan build; do
		[ -x "$TOP/$b/app/raclette" ] || continue
		[ -n "$RACLETTE" ] && [ ! "$TOP/$b/app/raclette" -nt "$RACLETTE" ] || RACLETTE=$TOP/$b/app/raclette
	done
	[ -x "$RACLETTE" ] || die "no raclette program: build it, or set RACLETTE"
}
gw_socket() { echo "$LAB_DIR/$1.vici"; }

# gw_conf NS PORT_IF ADDRESS [MTU [MORE-KEYS]]: the gateway section for a lab's veth; tunnels and connections follow
gw_conf() {
	cat <<-C
		gateway {
		   outside {
		      port = net_af_packet0,iface=$2
		      address = $3
		      router = none
		      mtu = ${4:-1500}
		   }
		   lcores = auto
		   poll = adaptive
		   vici = unix://$(gw_socket "$1")
		   qcd_secret = $LAB_DIR/$1.qcd
		   ${5:-}
		}
	C
}
gw_start() {
	local ns=$1 conf=$2 log=${3:-$LAB_DIR/$1.log}
	gw_bin
	ip netns exec "$LAB-$ns" "$RACLETTE" run -c "$conf" >>"$log" 2>&1 &
	PIDS[$ns]=$!
	GATEWAYS[$ns]=1
	STARTS=$((STARTS + 1))
	at_exit "gw_stop $ns"
	wait_for "${START_SECONDS:-20}" gw_show "$ns" ports || {
		tail -n 20 "$log" >&2
		die "raclette does not start in $ns"
	}
}
gw_stop() {
	local well=0
	[ -n "${PIDS[$1]:-}" ] || return 0
	[ "${2:-TERM}" != KILL ] || well=137 # else it was gone before
	stop_pid "${PIDS[$1]}" "${2:-TERM}"
	unset "PIDS[$1]"
	[ -z "${GATEWAYS[$1]:-}" ] || [ "$ENDED" = $well ] || ILL+=("$1: $ENDED")
}
gw_show() {
	local ns=$1
	shift
	[ -z "${PIDS[$ns]:-}" ] || ! gone "${PIDS[$ns]}" || return 1
	"$RACLETTE" show "$@" --socket "$(gw_socket "$ns")"
}
