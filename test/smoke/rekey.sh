#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Child rekeys by each side, by swanctl over VICI, while pings run: none is lost.
. "$(dirname "$0")/common.sh"
ESP=aes128gcm16-x25519
smoke_init rekey
pair
outside_start
up
check 'comes up' ping_ok A $B4
ip netns exec "$LAB-A" ping -c 300 -i 0.02 -W 2 $B4 >"$LAB_DIR/ping" &
PIDS[ping]=$!
at_exit 'gw_stop ping'
for ns in A B A; do
	before=$(spis A)
	check "$ns rekeys the child" swanctl --rekey --child gre --uri "unix://$(gw_socket $ns)"
	sleep 1
	check "$ns: the SPIs are new" changed "$(spis A)" "$before"
done
wait "${PIDS[ping]}" || true
unset 'PIDS[ping]'
check 'no ping was lost' grep ' 300 received' "$LAB_DIR/ping"
outside_stop
check 'nothing clear outside' no_clear
smoke_end
