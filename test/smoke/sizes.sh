#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Sizes on paths of 9001, 1500, 1492 and 1280: the interface's MTU is what fits, a packet of it passes
# with DF set, one byte more gets ICMP back with the right MTU, and without DF it is fragmented before ESP.
# IPv6 of 1280 bytes passes on each, if need be in fragments of ESP (RFC 7676 3).
. "$(dirname "$0")/common.sh"
smoke_init sizes

# inner MTU by RFC 4303 for a path: outer IPv6 40, ESP 8, IV, ICV, pad to BLOCK, trailer 2, GRE 4
fits() { # PATH IV ICV BLOCK
	local room=$(($1 - 40 - 8 - $2 - $3))
	echo $((room / $4 * $4 - 2 - 4))
}
mtu_of() { on "$1" cat /sys/class/net/ip6gre4/mtu; }

# case PATH ESP INNER-MTU
run_case() {
	local inner=$3 what="path $1 $2"
	MTU=$1 ESP=$2
	pair
	outside_start
	up
	check "$what: comes up" ping_ok A $B4
	check "$what: tunnel MTU $inner" equal "$(ask A tunnels "o[0]['mtu']")" "$inner"
	# with inner IPv6 the interface stays at 1280 or Linux takes its IPv6 addresses away
	check "$what: interface MTU" equal "$(mtu_of A)" "$((inner > 1280 ? inner : 1280))"
	check "$what: largest packet with DF" ping_ok A $B4 -M do -s $((inner - 28))
	check "$what: the same the other way" ping_ok B $A4 -M do -s $((inner - 28))
	# past the kernel's own check of the interface's MTU: a route that claims more, so raclette must answer
	on A ip link set ip6gre4 mtu $((inner + 100))
	on A ping -c 1 -W 1 -M do -s $((inner - 27)) $B4 >"$LAB_DIR/icmp" 2>&1 || true
	check "$what: one byte more gets ICMP with the MTU" grep -qiE "(mtu ?= ?$inner)" "$LAB_DIR/icmp"
	on A ip route flush cache
	check "$what: without DF it is fragmented inside" ping_ok A $B4 -M dont -s $((inner + 60))
	outside_stop
	check "$what: nothing clear outside" no_clear
	check "$what: no fragment outside" equal "$(frames "${OUTSIDE[1]}" 'esp behind fragment')" 0
	check "$what: IPv6 of 1280 bytes passes" ping_ok A $BIN6 -M do -s 1232
	gw_stop A
	gw_stop B
	ns_del A
	ns_del B
}
run_case 1500 aes128gcm16 "$(fits 1500 8 16 4)"
run_case 1492 aes128-sha1 "$(fits 1492 16 12 16)"
run_case 1280 aes128-sha256 "$(fits 1280 16 16 16)"
run_case 9001 aes256gcm16 "$(fits 9001 8 16 4)"
smoke_end
