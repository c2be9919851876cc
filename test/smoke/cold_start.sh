#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# From nothing to a tunnel: the first ping is held while IKE negotiates, and what `show` prints is sound.
. "$(dirname "$0")/common.sh"
smoke_init cold_start
pair
outside_start
up
check 'no SA before there is traffic' equal "$(ask A sa 'len(o)')" 0
on A ping -c 5 -i 0.3 -W 3 $B4 >"$LAB_DIR/ping"
check '5 of 5 pings from a cold start' grep -q ' 5 received' "$LAB_DIR/ping"
check 'ping from the other side' ping_ok B $A4
check 'inner IPv6' ping_ok A $BIN6
for what in sa tunnels ports drops neighbours ike; do
	gw_show A $what --json >"$LAB_DIR/show.json" || true
	check "show $what --json parses" $PYTHON -m json.tool "$LAB_DIR/show.json"
	check "show $what prints" gw_show A $what
done
check 'the interface has its address' on A ip -4 addr show dev ip6gre4 to $A4
check 'the interface is point-to-point without ARP' bash -c "ip -n $LAB-A link show ip6gre4 | grep POINTOPOINT.*NOARP"
outside_stop
check 'nothing but ESP, IKE and ICMPv6 outside' no_clear
check 'no Destination Options are ever sent' equal "$(frames 'esp behind' "${OUTSIDE[@]}")" 0
smoke_end
