#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# demo.sh - the reference scenario, end to end, on this machine: two network namespaces joined by a
# veth pair, raclette in one with test/scenario/swanctl.conf, its peer in the other.
#   demo.sh [--peer raclette|strongswan] [--seconds N] [--keep] | --down
#     --peer      a second raclette with the mirrored configuration (default), or the real thing in
#                 QEMU: Debian's kernel XFRM, ip6gre and strongSwan
#     --seconds   of iperf3, each way (default 5)
#     --keep      leave it running and say how to look around; --down ends that
# Last line: "demo: ping 5/5, tcp A/B Mbit/s (to/from), clear packets 0". Exit status 0 only if the
# pings all came back, TCP ran both ways and nothing but ESP, IKE and ICMPv6 was outside.
. "$(dirname "$0")/lib.sh"

PEER=raclette SECS=5 KEEP=0
US=2a05:d014:9c9:2100:9049:489e:d66e:41e9 THEM=2001:1620:1111:2222:3333:4444:5555:6666
IN_US=169.254.123.1 IN_THEM=169.254.123.2
# both inner addresses side by side, as in an IPv4 header: never to be seen outside
SECRETS=(--secret a9fe7b01a9fe7b02 --secret a9fe7b02a9fe7b01)
KEPT=/run/raclette-demo.kept
SCENARIO=$TOP/test/scenario/swanctl.conf

usage() { sed -n '3,11s/^# \{0,1\}//p' "$0"; }

# what --keep left: only processes that still are in the demo's namespaces
down() {
	PROG=demo
	[ -e $KEPT ] || { say "nothing kept"; exit 0; }
	. $KEPT
	local n p
	[ ! -d "$LAB_DIR/peer" ] || "$TOP/test/interop/peer.py" stop "$LAB_DIR/peer"
	for n in A B W; do
		for p in $(ip netns pids "$LAB-$n" 2>/dev/null); do
			[[ " $KEPT_PIDS " == *" $p "* ]] && kill "$p"
		done
	done
	for p in $KEPT_PIDS; do wait_for 5 gone "$p" || true; done
	for n in A B W; do ns_del $n; done
	rm -rf "$LAB_DIR" $KEPT
	say "taken down"
}

options() {
	while [ $# != 0 ]; do
		case $1 in
		--peer) PEER=${2:-}; shift ;;
		--seconds) SECS=${2:-}; shift ;;
		--keep) KEEP=1 ;;
		--down) down; exit ;;
		-h | --help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
	[[ $PEER =~ ^(raclette|strongswan)$ && $SECS =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
}

prepare() {
	say "packages"
	if [ "$PEER" = strongswan ]; then "$TOP/scripts/deps.sh"; else "$TOP/scripts/deps.sh" --build --demo; fi
	say "building a release (build-release)"
	local b=$TOP/build-release
	{
		[ -e "$b/build.ninja" ] || meson setup "$b" "$TOP" --buildtype=release -Dtests=false
		ninja -C "$b" app/raclette
	} >"$LAB_DIR/build.log" 2>&1 || { tail -n 30 "$LAB_DIR/build.log" >&2; die "the build failed"; }
	RACLETTE=$b/app/raclette
}

# conf NS ADDRESS INNER SWANCTL
conf() {
	gw_conf "$1" out "$2/64"
	cat <<-C
		tunnels {
		   ip6gre4 {
		      connection = gw-gw
		      child = gre
		      address = $3/30
		   }
		}
		include $4
	C
}

configure() {
	conf A $US $IN_US "$SCENARIO" >"$LAB_DIR/A.conf"
	# the mirrored configuration: local and remote exchanged, nothing else
	sed -E 's/^(\s*)local/\1@/; s/^(\s*)remote/\1local/; s/^(\s*)@/\1remote/' "$SCENARIO" >"$LAB_DIR/mirror.conf"
	conf B $THEM $IN_THEM "$LAB_DIR/mirror.conf" >"$LAB_DIR/B.conf"
	"$RACLETTE" check -c "$LAB_DIR/A.conf" >"$LAB_DIR/check.log" 2>&1 || {
		cat "$LAB_DIR/check.log" >&2
		die "raclette check refuses the scenario"
	}
}

wire() {
	if [ "$PEER" = raclette ]; then
		say "two namespaces, $LAB-A and $LAB-B, and a veth pair \"out\" between them"
		ns_add A B
		link_add A out B out
		TAPS=("A out" "B out") # a port's own frames pass by a capture on the same interface
	else
		say "namespace $LAB-A, and $LAB-W with a bridge between its veth and the peer's tap"
		ns_add A W
		link_add A out W wire
		on W ip link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0
		on W ip tuntap add tap0 mode tap
		link_raw W tap0
		link_raw W br0
		on W ip link set wire master br0
		on W ip link set tap0 master br0
		TAPS=("W wire")
	fi
}

# the counter against a capture that holds some: on this very link, by the same two captures
prove() {
	local want got
	capture
	want=$(on A $PYTHON "$TOP/scripts/wirecount.py" --send out)
	capture_stop
	got=$(wirecount -q) || true
	say "the counter proves itself: $want clear frames put on the link, $got counted"
	[ "$got" = "$want" ] || die "the counter does not count"
}

# All that is not plain ESP is few frames, so none is lost however fast it goes; of the ESP the first
# 5000 frames are searched for inner addresses.
NOT_ESP='not ip6[6] == 50'
capture() {
	local t
	CAPTURED=()
	for t in "${TAPS[@]}"; do
		CAPTURED+=("$LAB_DIR/other-${t% *}.pcap" "$LAB_DIR/esp-${t% *}.pcap")
		cap_start $t "$LAB_DIR/other-${t% *}.pcap" "$NOT_ESP"
		cap_start $t "$LAB_DIR/esp-${t% *}.pcap" -c 5000 'ip6[6] == 50'
	done
}
capture_stop() {
	local f
	LOST=0
	for f in "${CAPTURED[@]}"; do
		cap_stop "$f"
		[[ $f == */esp-* ]] || LOST=$((LOST + $(cap_lost "$f")))
	done
}
wirecount() { $PYTHON "$TOP/scripts/wirecount.py" "${SECRETS[@]}" "$@" "${CAPTURED[@]}"; }

start_peer() {
	if [ "$PEER" = raclette ]; then
		say "starting raclette as the peer in $LAB-B"
		gw_start B "$LAB_DIR/B.conf"
		return
	fi
	# as test/scenario's report has it, but without the encapsulation limit: Linux reckons wrongly with it
	# and loses its own full-size packets (test/interop/README.md)
	say "booting Debian and strongSwan in QEMU"
	peer boot "$LAB-W" tap0
	at_exit 'peer stop'
	peer put "$LAB_DIR/mirror.conf" /etc/swanctl/swanctl.conf
	peer run "ip link set eth0 up; ip addr add $THEM/64 dev eth0 nodad; ip route add $US dev eth0
		ip -6 tunnel add ip6gre4 mode ip6gre local $THEM remote $US encaplimit none
		ip addr add $IN_THEM/30 dev ip6gre4; ip link set ip6gre4 up; charon-start" >"$LAB_DIR/peer.log" ||
		{ cat "$LAB_DIR/peer.log" >&2; die "the peer does not start"; }
}
peer() {
	local verb=$1
	shift
	"$TOP/test/interop/peer.py" "$verb" "$LAB_DIR/peer" "$@"
}

# tcp [-R]: "MBIT RETRANSMISSIONS"
tcp() {
	on A iperf3 -J -c $IN_THEM -P 4 -t "$SECS" --connect-timeout 5000 "$@" >"$LAB_DIR/iperf.json" || true
	$PYTHON - "$LAB_DIR/iperf.json" <<-'P'
		import json, sys
		try:
		    end = json.load(open(sys.argv[1]))['end']
		    print(round(end['sum_received']['bits_per_second'] / 1e6), end['sum_sent'].get('retransmits', 0))
		except (ValueError, KeyError):
		    print(0, 0)
	P
}
serve() {
	if [ "$PEER" = raclette ]; then
		ip netns exec "$LAB-B" iperf3 -s >/dev/null 2>&1 &
		PIDS[iperf]=$!
		at_exit 'gw_stop iperf'
		wait_for 10 listens B 5201
	else
		peer run 'iperf3 -s -D'
	fi
}

show_sas() {
	gw_show A sa | sed 's/^/   /'
	[ "$PEER" = raclette ] || peer run 'swanctl --list-sas' | sed 's/^/   peer: /'
}

keep() {
	cat >$KEPT <<-K
		LAB=$LAB LAB_DIR=$LAB_DIR KEPT_PIDS="${PIDS[*]}"
	K
	AT_EXIT=()
	local s
	s=$(gw_socket A)
	say "left running; to look around:"
	cat <<-K
		   $RACLETTE show sa --socket $s          (tunnels, ports, drops, neighbours, ike)
		   ip netns exec $LAB-A ping $IN_THEM
		   ip netns exec $LAB-${TAPS[0]% *} tcpdump -n -i ${TAPS[0]#* }
		   swanctl --rekey --child gre --uri unix://$s      (Debian's strongswan-swanctl; also --initiate, --terminate)
		   less $LAB_DIR/A.log                    (and $LAB_DIR/A.conf)
	K
	[ "$PEER" = raclette ] || echo "   $TOP/test/interop/peer.py run $LAB_DIR/peer swanctl --list-sas"
	say "to end it: $TOP/scripts/demo.sh --down"
}

options "$@"
lab_init demo
[ ! -e $KEPT ] || die "an earlier demo was kept: demo.sh --down ends it"
prepare
configure
wire
prove
capture
start_peer
say "starting raclette in $LAB-A with the scenario's connections and secrets"
gw_start A "$LAB_DIR/A.conf"
say "no SA yet; 5 pings from a cold start"
on A ping -c 5 -i 0.5 -W 3 $IN_THEM | sed 's/^/   /' | tee "$LAB_DIR/ping.log" || true
pings=$(grep -c 'bytes from' "$LAB_DIR/ping.log" || true)
say "the SAs"
show_sas
serve
say "iperf3, 4 streams, $SECS seconds to the peer"
read -r to to_retrans < <(tcp)
say "  $to Mbit/s, $to_retrans retransmissions; now $SECS seconds from it"
read -r from from_retrans < <(tcp -R)
say "  $from Mbit/s, $from_retrans retransmissions"
capture_stop
say "the outside link (all that is not plain ESP, and the first frames of ESP):"
wirecount | sed 's/^/   /' || true
clear=$(wirecount -q) || true
esp=$(wirecount | awk '$2 == "esp" {n += $1} END {print n + 0}') || true
say "drops"
gw_show A drops | sed 's/^/   /'
[ $KEEP = 0 ] || keep
rc=0
[ "$LOST" = 0 ] || { say "the capture lost $LOST frames"; rc=1; }
[ "$esp" -gt 0 ] || { say "no ESP was seen"; rc=1; }
[ "$pings" = 5 ] && [ "$to" -gt 0 ] && [ "$from" -gt 0 ] && [ "$clear" = 0 ] || rc=1
if [ $rc != 0 ]; then
	say "the end of raclette's log:"
	tail -n 20 "$LAB_DIR/A.log" | sed 's/^/   /'
fi
say "ping $pings/5, tcp $to/$from Mbit/s (to/from), clear packets $clear"
exit $rc
