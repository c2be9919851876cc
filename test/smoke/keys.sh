#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Three tunnels on one SA, told apart by GRE key; a fourth has a key that the far end does not know.
. "$(dirname "$0")/common.sh"
smoke_init keys

tunnel() { # INNER4 INNER6, as in common.sh, but several
	local n key last=${1##*.}
	echo 'tunnels {'
	for n in 1 2 3 4; do
		key=$((n * 1000))
		[ "$n" != 4 ] || key=$((4000 + last))
		cat <<-C
			   gre$n {
			      connection = gw-gw
			      child = gre
			      key = $key
			      address = 169.254.12$n.$last/30
			   }
		C
	done
	echo '}'
}
pair
outside_start
up
for n in 1 2 3; do
	check "tunnel $n by its key" ping_ok A 169.254.12$n.2
	check "tunnel $n back" ping_ok B 169.254.12$n.1
done
check_not 'a key unknown to the far end gets nowhere' ping_ok A 169.254.124.2 -W 1
check 'and is counted there' more "$(drops B gre-key)" 0
check 'one child SA pair serves them all' equal "$(ask A sa 'len(o)')" 1
check 'a keyed tunnel has 4 bytes less' equal "$(on A cat /sys/class/net/gre1/mtu)" 1418
outside_stop
check 'nothing clear outside' no_clear
smoke_end
